"""Writing the database's files anew, without what was deleted."""

from sqlalchemy.orm import Session, sessionmaker


def compact(sessions: "sessionmaker[Session]") -> None:
    """Leave nothing of deleted rows in the file of an SQLite database; PostgreSQL does it by itself, as time goes on.

    SQLite overwrites what is deleted, but not the copies that were left when a page was split or joined. Reading goes
    on meanwhile; what families write waits in the spool: some ten seconds for a gigabyte.

    Raises:
        SQLAlchemyError: another program writes just now, or the disk has no room for a second copy.
    """
    engine = sessions.kw["bind"]
    if engine.dialect.name != "sqlite":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
