"""Experiments: functions whose arguments are their knobs, one file a paper."""
