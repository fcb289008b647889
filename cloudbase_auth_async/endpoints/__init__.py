"""The endpoint groups: each builds typed calls, and hands them to whatever answers calls."""
