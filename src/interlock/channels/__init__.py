"""By which ways people and programs are told, and answers come back: one file for each."""
