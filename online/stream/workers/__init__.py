"""Workers: which of them does what, and how their streams stand."""
