"""Everything stored: the SQLAlchemy engine, sessions and migrations."""
