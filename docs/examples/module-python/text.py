"""Text: an extractive summary, the sentiment by a word list, and what stands in it. No model, no network."""

import math
import re

MAX_LENGTH = 90_000

INPUT = {
    "type": "object",
    "required": ["operation", "text"],
    "additionalProperties": False,
    "properties": {
        "operation": {"type": "string", "enum": ["summarize", "sentiment", "extract"]},
        "text": {"type": "string", "maxLength": MAX_LENGTH},
        "sentences": {"type": "integer", "minimum": 1, "maximum": 20, "description": "Of the summary; 3 if left out."},
    },
}

STOP = set(
    "a an and are as at be been but by can could did do does for from had has have he her his i if in into is it its "
    "me my no not of on or our she so than that the their them then there these they this to was we were what when "
    "which who will with would you your".split()
)
GOOD = set(
    "amazing awesome beautiful best better brilliant clean clear easy enjoy enjoyed excellent fantastic fast fine friendly "
    "glad good great happy helpful impressed improved kind like liked love loved nice perfect pleased pleasant polite "
    "quick recommend reliable satisfied smooth solved superb thank thanks useful welcome well wonderful works".split()
)
BAD = set(
    "angry annoyed annoying awful bad broken bug bugs complaint confusing crash crashed damaged delay delayed difficult "
    "disappointed disappointing dirty error errors expensive fail failed fails fault frustrated frustrating hate horrible "
    "late lost mistake missing pain poor problem problems refund rude sad slow terrible ugly unhappy unreliable upset "
    "useless waste worse worst wrong".split()
)
NOT = {"not", "no", "never", "hardly", "without", "isn't", "wasn't", "don't", "doesn't", "didn't", "can't", "won't"}

WORD = re.compile(r"[^ \t\r\n.,;:!?()\[\]{}\"<>/\\|=+*#-]+")
SENTENCE = re.compile(r"[^.!?\r\n]+[.!?]*")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
URL = re.compile(r"https?://[^ \t\r\n<>\"')]{1,2000}")
DATE = re.compile(r"\b(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})\b", re.ASCII)
AMOUNT = re.compile(r"[€$£] ?[0-9][0-9.,]{0,20}|[0-9][0-9.,]{0,20} ?(?:EUR|USD|GBP|CHF|€|\$|£)")


def run(given):
    text, operation = given.get("text"), given.get("operation")
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise ValueError(f"text must be a text of at most {MAX_LENGTH} characters")
    if operation == "summarize":
        return summarize(text, given.get("sentences", 3))
    if operation == "sentiment":
        return sentiment(text)
    if operation == "extract":
        return extract(text)
    raise ValueError("operation must be summarize, sentiment or extract")


def words(text):
    return WORD.findall(text.lower())


def summarize(text, wanted):
    """The sentences whose words are the most frequent ones, in their own order."""
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= 20:
        raise ValueError("sentences must be a whole number from 1 to 20")
    sentences = [found.strip(" \t") for found in SENTENCE.findall(text) if words(found)]
    counts = {}
    for word in words(text):
        if word not in STOP:
            counts[word] = counts.get(word, 0) + 1

    def score(sentence):
        telling = [word for word in words(sentence) if word not in STOP]
        return sum(counts[word] for word in telling) / len(telling) if telling else 0

    ranked = sorted(range(len(sentences)), key=lambda at: (-score(sentences[at]), at))[:wanted]
    chosen = [sentences[at] for at in sorted(ranked)]
    return {"operation": "summarize", "summary": " ".join(chosen), "sentences": len(chosen), "of": len(sentences)}


def sentiment(text):
    """From -1 to 1. A word after a negation counts for the other side."""
    good = bad = 0
    found = words(text)
    for at, word in enumerate(found):
        if word not in GOOD and word not in BAD:
            continue
        is_negated = any(before in NOT for before in found[max(0, at - 2) : at])
        if (word in GOOD) != is_negated:
            good += 1
        else:
            bad += 1
    total = good + bad
    score = math.floor((good - bad) / total * 1000 + 0.5) / 1000 if total else 0
    label = "positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"
    return {"operation": "sentiment", "label": label, "score": score, "positive": good, "negative": bad}


def extract(text):
    def unique(found):
        return list(dict.fromkeys(found))

    return {
        "operation": "extract",
        "emails": unique(EMAIL.findall(text)),
        "urls": unique(url.rstrip(".,;:!?") for url in URL.findall(text)),
        "dates": unique(DATE.findall(text)),
        "amounts": unique(amount.rstrip(".,") for amount in AMOUNT.findall(text)),
    }
