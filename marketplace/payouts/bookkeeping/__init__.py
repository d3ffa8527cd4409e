"""Every write about money, a module for each subject; operations.py is the way in."""
