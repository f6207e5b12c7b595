"""What every front end calls: the terminal, a script, soon a web page or a message.

It reads and it acts for one principal, from plain values, with the same checks and the same errors for everybody.
"""
