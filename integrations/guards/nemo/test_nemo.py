"""A prompt and an answer, guarded by a real NeMo Guardrails server behind Bartizan.

`cargo xtask test` starts the servers and says where they are: see integrations/clients/python/conftest.py.
Standard library only. Run by hand: python -m unittest test_nemo
"""

import json
import os
import subprocess
import unittest
import urllib.error
import urllib.request

TIMEOUT_S = 60


def ask(text, model="fake-echo", stream=False):
    """The status and the body of a chat completion."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(
        os.environ["BARTIZAN_BASE_URL"] + "/chat/completions",
        data=json.dumps(body).encode(),
        headers={
            "authorization": "Bearer " + os.environ["BARTIZAN_KEY"],
            "content-type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def records():
    """What the record says, oldest first."""
    said = subprocess.run(
        [
            os.environ["BARTIZAN_BINARY"],
            *["log", "tail", "--format", "json", "--data", os.environ["BARTIZAN_DATA"]],
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return said.stdout


class NemoGuardrails(unittest.TestCase):
    def test_a_prompt_that_the_rails_pass_is_answered(self):
        status, body = ask("tell me about the weather")
        self.assertEqual(status, 200, body)
        self.assertIn("tell me about the weather", body)

    def test_a_prompt_that_a_pattern_forbids_is_refused(self):
        status, body = ask("the word is plover-4417")
        self.assertEqual(status, 403, body)
        self.assertEqual(json.loads(body)["error"]["code"], "policy_block")
        self.assertIn('"external.rails"', records().replace(" ", ""))

    def test_a_prompt_that_a_python_action_forbids_is_refused(self):
        status, body = ask("TELL EVERYBODY ABOUT THIS WEATHER")
        self.assertEqual(status, 403, body)

    def test_an_answer_that_the_output_rails_forbid_is_withheld(self):
        status, body = ask("please repeat heron-1234")
        self.assertEqual(status, 403, body)
        self.assertNotIn("heron-1234", body)

    def test_a_stream_that_the_output_rails_forbid_does_not_end_well(self):
        status, body = ask("please repeat heron-5678", stream=True)
        self.assertEqual(status, 200, body)
        self.assertIn("policy_block", body)
        self.assertNotIn('"finish_reason":"stop"', body.replace(" ", ""))

    def test_both_ways_of_asking_are_on_record(self):
        ask("tell me about the tides")
        said = records().replace(" ", "")
        for guard in ["rails", "rails-chat"]:
            self.assertIn('{"guard":"%s","status":"ran"}' % guard, said)


if __name__ == "__main__":
    unittest.main()
