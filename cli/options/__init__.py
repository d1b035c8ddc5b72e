"""What may be said on the command line, command by command."""
