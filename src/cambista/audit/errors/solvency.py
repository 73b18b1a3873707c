"""Refusals of the proof of liabilities."""

from cambista.kernel.errors import Conflict, Invalid, NotFound


class DayInvalid(Invalid):
    code = "day_invalid"
    sentence = "A day is written YYYY-MM-DD."


class CertificateUnknown(NotFound):
    code = "certificate_not_found"
    sentence = "The house has signed no certificate of that day."


class ProofUnknown(NotFound):
    code = "proof_not_found"
    sentence = "There is no leaf of yours in the certificate of that day, or the leaves of that day are kept no longer."


class LiabilityNegative(Conflict):
    code = "liability_negative"
    sentence = "A customer's balance is below zero; nothing is certified over such books."


class LiabilitiesDiffer(Conflict):
    code = "liabilities_differ"
    sentence = "The books do not add up to zero, or the tree to the books; nothing is certified."


class LiabilitiesTooMany(Conflict):
    code = "liabilities_too_many"
    sentence = "A tree of liabilities holds at most 16,777,216 customers."


class CertificationUnderWay(Conflict):
    code = "certification_under_way"
    sentence = "Another process is making the certificate of this day now."
