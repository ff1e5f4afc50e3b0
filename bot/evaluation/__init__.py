"""`bot evaluate`: how well messages are understood, on labelled files and on voices that were left out of training."""
