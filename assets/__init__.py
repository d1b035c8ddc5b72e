"""The software-defined assets: landing, warehouse, checks, training sets, online views."""
