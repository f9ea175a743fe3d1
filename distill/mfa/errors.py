"""Errors of the MFA commands: each says what was wrong and what to do."""

from __future__ import annotations


class MfaError(ValueError):
    """Base of all errors of the MFA commands."""


class StoreError(MfaError):
    """The store cannot be read, or is of another release."""


class ShardError(MfaError):
    """A shard cannot be made or read, was cut off, or is not what training needs."""


class StoreBusyError(StoreError):
    """Another build or repair is writing to the store."""


class PriceError(MfaError):
    """There are no prices for the model, or the price list is not valid."""


class BudgetError(MfaError):
    """A request does not fit into what is left of the budget."""


class MissingKeyError(MfaError):
    """No API key in the environment."""


class RefusedKeyError(MfaError):
    """The server refused the API key."""


class QuotaError(MfaError):
    """The account has no credit left; waiting does not help."""


class ModelError(MfaError):
    """The server does not have the model."""


class ServerError(MfaError):
    """The server failed too often for going on to make sense."""


class BatchError(MfaError):
    """A batch was refused as a whole."""
