"""The model that ranks feeds: trained on the training set, kept by version, promoted if better."""
