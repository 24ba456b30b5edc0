"""Who has what, and for how long: interactive sessions, REST runs, and what is kept of them."""
