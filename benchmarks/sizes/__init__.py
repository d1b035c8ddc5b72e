"""What a request, near rows and freshness cost, against how much there is of each."""
