"""Runs the server of NeMo Guardrails on loopback, until standard input is closed.

    python serve.py CONFIGS PORT

It asks nobody and tells nobody: no model is configured, and its usage statistics are switched off.
"""

import os
import sys
import threading

os.environ["NEMO_GUARDRAILS_DISABLE_CHAT_UI"] = "true"
os.environ["NEMO_GUARDRAILS_NO_USAGE_STATS"] = "1"

import uvicorn  # noqa: E402
from nemoguardrails.server import api  # noqa: E402


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_standard_input, daemon=True).start()
api.app.rails_config_path = sys.argv[1]
uvicorn.run(api.app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
