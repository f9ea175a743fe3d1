"""Damaged inputs, failing servers, hard ranges, long runs."""
