"""The stream: what happened a second ago, in the rows that are served."""
