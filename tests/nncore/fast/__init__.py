"""Tests of what runs on preallocated memory."""
