"""Slack: cards that show what is asked, and the buttons and forms by which people decide there."""
