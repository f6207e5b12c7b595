"""Which question takes which answer, and what becomes of an answer that is not taken."""
