"""`interlock demo --web`: a small company's installation, with its past, its people and its agents."""
