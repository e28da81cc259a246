"""What presidio-analyzer costs with pattern recognisers only: no language model, blank spaCy.

Started by `bench detect` with a file of texts, one JSON list of strings per line, one line per kind. Says how many recognisers
run, then answers every line on standard input with the processor time of one pass over all texts, in microseconds per kind.
"""

import json
import logging
import sys
import time

import spacy
import tldextract.tldextract
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

# Without this the first web address makes it fetch a list from the network.
OFFLINE = tldextract.TLDExtract(suffix_list_urls=())
tldextract.extract = OFFLINE
tldextract.tldextract.TLD_EXTRACTOR = OFFLINE


class BlankEngine(SpacyNlpEngine):
    """Splits words and knows nothing."""

    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def analyzer():
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.recognizers = [
        recogniser for recogniser in registry.recognizers if isinstance(recogniser, PatternRecognizer)
    ]
    engine = AnalyzerEngine(registry=registry, nlp_engine=BlankEngine(), supported_languages=["en"])
    return engine, len(registry.recognizers)


def main():
    logging.disable(logging.CRITICAL)
    with open(sys.argv[1], encoding="utf-8") as file:
        kinds = [json.loads(line) for line in file]
    engine, count = analyzer()
    # Compiles every pattern, so that no pass pays for it.
    for texts in kinds:
        engine.analyze(text=texts[0], language="en")
    print(json.dumps({"recognisers": count}), flush=True)
    for _ in sys.stdin:
        costs = []
        for texts in kinds:
            start = time.thread_time_ns()
            for text in texts:
                engine.analyze(text=text, language="en")
            costs.append((time.thread_time_ns() - start) / 1000)
        print(json.dumps(costs), flush=True)


if __name__ == "__main__":
    main()
