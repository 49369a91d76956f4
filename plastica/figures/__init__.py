"""Figures and tables of the papers: functions that return a sweep, one file a paper."""
