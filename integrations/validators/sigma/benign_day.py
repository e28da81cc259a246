"""A day of ordinary traffic, as lines of `bartizan log tail --json`.

What is in it, so that silence says something (all drawn with a seed):

- 100 keys of very different sizes (people, services, agents, nightly batches), with daytime, from one or two networks each;
- text that is ordinary, with findings as ranks promise: of every family in every provenance a rank of r or more in one of
  10^(r/10) texts, kept for the length of a conversation, because its history is sent again with every turn;
- refusals by policy where a rank of 30 or more says so, and callers who then ask again in other words;
- personal data in 8 % of requests and 1 % of answers, secrets in 0.1 %, answers that decline (2 %), quote, repeat themselves (0.1 %);
- clients that leave (2 %), malformed requests (0.1 %), upstreams that fail (0.4 %, and one bad minute), limits that are hit in bursts;
- invalid keys from a client with an old one, keys without a grant for a model, a guard that is out for five minutes and fails open,
  pictures that no guard reads (3 %), exceptions (1 %);
- keys made, rotated and revoked, a rotation of a provider's key, an isolation that is lifted after half an hour, one break-glass,
  two deployments, a few anomalies, users who rate answers (0.5 % down).
"""

import json
import math
import random
import sys

START_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000
DAY_S = 86_400
ATTACKS = ["injection", "jailbreak", "extraction", "exfiltration", "tool_abuse", "obfuscation"]
OUTPUTS = ["injection", "extraction", "exfiltration.link", "tool_abuse", "leak.system_prompt", "regurgitation", "code.command",
           "toxicity", "url.suspicious"]
ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def base32(number, length=26):
    digits = []
    for _ in range(length):
        digits.append(ALPHABET[number % 32])
        number //= 32
    return "".join(reversed(digits))


class Day:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.events = []
        self.count = 0

    def put(self, second, name, data):
        self.count += 1
        self.events.append((second, self.count, {"class": name, "data": data}))

    def rank(self):
        """The rank of an ordinary text, if it has any worth a record."""
        rank = int(-10 * math.log10(max(self.random.random(), 1e-9)))
        return min(rank, 60) if rank >= 10 else 0

    def finding(self, kind, rank, provenance):
        return {"finding": {"detector": "x", "kind": kind, "rank": rank, "score": 5000, "span": {"end": 9, "start": 0}, "view": "raw"},
                "path": "messages[0].content", "provenance": provenance}

    def texts(self, provenance):
        found = ((kind, self.rank()) for kind in ATTACKS)
        return [self.finding(kind, rank, provenance) for kind, rank in found if rank]

    def conversation(self, key, second, turns, pause_s):
        name = "cnv_" + base32(self.random.getrandbits(124) * 4)
        history = self.texts("user") if self.random.random() < 0.9 else []
        if key["documents"]:
            history += self.texts("retrieved")
        if key["agent"]:
            history += self.texts("tool_result")
        for _ in range(turns):
            if second >= DAY_S:
                return
            blocked = any(one["finding"]["rank"] >= 30 and one["provenance"] == "user" and one["finding"]["kind"] != "obfuscation"
                          for one in history)
            self.exchange(key, second, name, history, blocked)
            if blocked:
                # The message is said again in other words: most of them are what they are, ordinary.
                if self.random.random() < 0.5:
                    return
                history = [one for one in history if one["provenance"] != "user"] + self.texts("user")
            elif self.random.random() < 0.5:
                history = history + self.texts("user")
            second += self.random.expovariate(1 / pause_s) + 1

    def exchange(self, key, second, conversation, history, blocked):
        draw = self.random.random
        interaction = "int_" + base32(((START_MS + int(second * 1000)) << 80 | self.random.getrandbits(80)) << 2)
        found, masked, unscanned = list(history), 0, []
        if draw() < 0.08:
            masked = 1 + int(self.random.expovariate(0.5))
            found.append(self.finding("pii.email", 60, "user"))
        if draw() < 0.001:
            found.append(self.finding("secret.github_token", 60, "user"))
        if draw() < 0.03:
            unscanned = [{"path": "messages[0].content[1]", "why": "opaque: image"}]
        guards = [{"guard": "detect", "status": "ran"}, {"guard": "policy", "status": "ran"}]
        if 40_000 <= second < 40_300:
            guards.append({"guard": "shields", "reason": "timed_out", "status": "failed_open"})
        decision = {"outcome": "allowed"}
        ending, status, reason = "answered", 200, None
        if blocked:
            decision = {"actions": ["block"], "outcome": "refused", "reason": "policy_block",
                        "rules": [{"action": "block", "id": "injection-from-user"}]}
            ending, status, reason = "refused", 403, "policy_block"
        elif draw() < 0.01:
            decision["rules"] = [{"action": "redact", "exception": "waiver-7", "id": "personal-data-out"}]
        elif draw() < 0.001:
            ending, status, reason = "malformed", 400, self.random.choice(["invalid_json", "invalid_value"])
            decision = {"outcome": "refused", "reason": reason}
        elif draw() < 0.0005:
            ending, status, reason = "refused", 403, "not_authorised"
            decision = {"outcome": "refused", "reason": reason, "rules": [{"action": "block", "id": "model-not-granted"}]}
        elif draw() < (0.3 if 50_000 <= second < 50_060 else 0.004):
            ending, status, reason = "upstream_failed", 502, "upstream_timeout"
        elif draw() < 0.02:
            ending = "client_left"
        operation = "embeddings" if key["embeds"] else "chat.completions"
        self.put(second, "interaction_opened", {
            "client_address": self.random.choice(key["addresses"]), "conversation": conversation, "decision": decision,
            "dialect": "openai", "findings": found, "guards": guards, "interaction": interaction, "masked": masked,
            "model": self.random.choice(key["models"]), "operation": operation, "principal": key["principal"](self.random),
            "request_bytes": 2_000, "route": "r", "streamed": draw() < 0.5, "unscanned": unscanned, "upstream": key["upstream"]})
        answer, answer_masked = [], 0
        if ending == "answered":
            for kind in OUTPUTS:
                rank = self.rank()
                if rank:
                    answer.append(self.finding(kind, rank, "output"))
            if any(one["finding"]["rank"] >= 50 and one["finding"]["kind"].startswith("exfiltration") for one in answer):
                ending, reason = "blocked", "policy_block"
            for kind, share in [("output.refusal", 0.02), ("output.repetition", 0.001), ("output.citation", 0.003),
                                ("url.denied", 0.0002), ("secret.assignment", 0.00005)]:
                if draw() < share:
                    answer.append(self.finding(kind, 40 if kind.startswith("secret") else 30, "output"))
            if draw() < 0.01:
                answer_masked = 1 + int(self.random.expovariate(1))
                answer.append(self.finding("pii.person", 45, "output"))
        closed = {"decision": {"outcome": "allowed" if ending != "blocked" else "refused"}, "duration_us": int(self.random.lognormvariate(14.5, 0.8)),
                  "ending": ending, "findings": answer, "guards": guards, "interaction": interaction, "masked": answer_masked,
                  "response_bytes": 1_500, "restored": masked, "risk": min(75, int(self.random.expovariate(0.15))), "status": status}
        if reason:
            closed["reason"] = reason
        if ending == "answered":
            closed["usage"] = {"input": int(self.random.lognormvariate(6.5, 1)), "output": int(self.random.lognormvariate(5.3, 0.8))}
        self.put(second + 2, "interaction_closed", closed)
        if ending == "answered" and draw() < 0.01:
            rating = {"interaction": interaction, "principal": key["principal"](self.random), "rating": "down" if draw() < 0.5 else "up"}
            if rating["rating"] == "down":
                rating["reason"] = self.random.choice(["wrong", "hallucination", "other", "wrong", "other", "harmful"])
            self.put(second + 60, "user_report", rating)

    def refused(self, second, principal, address, status, reason):
        interaction = "int_" + base32(((START_MS + int(second * 1000)) << 80 | self.random.getrandbits(80)) << 2)
        decision = {"outcome": "refused", "reason": reason}
        self.put(second, "interaction_opened", {
            "client_address": address, "decision": decision, "dialect": "openai", "interaction": interaction, "operation": "chat.completions",
            "principal": principal, "request_bytes": 900, "streamed": False})
        self.put(second, "interaction_closed", {"decision": decision, "duration_us": 900, "ending": "refused", "interaction": interaction, "masked": 0,
                                                "reason": reason, "response_bytes": 90, "restored": 0, "status": status})

    def administration(self, second, operation, target, actor="cli"):
        self.put(second, "administration", {"actor": actor, "operation": operation, "target": target})

    def beside(self):
        """What is ordinary besides requests."""
        for number in range(12):
            self.refused(30_000 + number * 20, {}, "192.0.2.200", 401, "invalid_api_key")
        for burst in range(6):
            for number in range(40):
                self.refused(20_000 + burst * 9_000 + number, {"key": "app000000" + str(burst)}, "192.0.2.9", 429, "rate_limited")
        for number in range(4):
            self.administration(32_000 + number * 900, "key.create", f"new000000{number}")
            self.administration(36_000 + number * 900, "key.rotate", f"app000001{number}")
        self.administration(41_000, "key.revoke", "app0000099")
        for step, operation in enumerate(["begun", "made", "verified", "switched", "old_deleted"]):
            self.administration(42_000 + step * 60, f"provider_key.{operation}", "sealed:openai", "schedule")
        self.administration(43_000, "isolate", "upstream:second")
        self.administration(44_800, "restore", "upstream:second")
        for step, operation in enumerate(["request", "approve", "begin", "end"]):
            self.administration(60_000 + step * 600, f"break_glass.{operation}", "break-glass:7", "key00000aa")
        for second in [28_000, 61_000]:
            self.put(second, "node", {"detail": "after SIGTERM", "state": "stopped"})
            self.put(second + 3, "node", {"detail": "again", "state": "started"})
        self.put(40_310, "node", {"detail": "a guard was out", "state": "degraded"})
        for number, kind in enumerate(["anomaly.latency", "anomaly.errors", "anomaly.scraping", "anomaly.latency"]):
            self.put(10_000 + number * 18_000, "anomaly", {
                "detail": "x", "kind": kind, "measure": "requests", "observed": 90, "ordinary": 30,
                "principal": {"key": f"app000000{number}"}, "rank": 42, "since_ms": START_MS, "window_s": 120})


def keys(day):
    made = []
    for number in range(100):
        application = f"application-{number // 3}"
        has_users, end_users = number % 3 == 0, 200 + number

        def principal(drawn, number=number, application=application, has_users=has_users, end_users=end_users):
            who = {"application": application, "key": f"app{number:07}", "team": f"team-{number % 7}"}
            if has_users:
                who["end_user"] = f"u-{number}-{drawn.randrange(end_users)}"
            return who

        networks = [f"10.{number}.0.{at}" for at in (5, 6, 7)] + ([f"10.{number}.1.5"] if number % 4 == 0 else [])
        made.append({"addresses": networks, "agent": number % 10 == 3, "documents": number % 5 == 1, "embeds": number % 10 == 7,
                     "models": [f"model-{number % 9}"] + ([f"model-{number % 4}"] if number % 6 == 0 else []), "principal": principal,
                     "upstream": f"upstream-{number % 3}", "weight": day.random.lognormvariate(0, 1.2),
                     "is_batch": number % 20 == 19})
    return made


def make(seed, exchanges):
    day = Day(seed)
    all_keys = keys(day)
    weights = [key["weight"] for key in all_keys]
    done = 0
    while done < exchanges:
        key = day.random.choices(all_keys, weights)[0]
        # People are awake by day.
        second = (day.random.gauss(50_000, 14_000) if day.random.random() < 0.8 else day.random.random() * DAY_S) % DAY_S
        turns = 1 + int(day.random.expovariate(1 / (20 if key["agent"] else 4)))
        pause_s = 5 if key["agent"] else 40
        if key["is_batch"] and day.random.random() < 0.05:
            for number in range(200):
                day.conversation(key, 10_000 + number / 2, 1, 1)
            done += 200
            continue
        day.conversation(key, second, turns, pause_s)
        done += turns
    day.beside()
    day.events.sort(key=lambda one: one[:2])
    return day.events


def main():
    seed, exchanges = int(sys.argv[1]), int(sys.argv[2])
    zero = "0" * 64
    for sequence, (second, _, body) in enumerate(make(seed, exchanges)):
        event = {"body": body, "schema": 1, "time_ms": START_MS + int(second * 1000)}
        print(json.dumps({"chain": zero, "event": event, "leaf": zero, "node": "nod_" + "0" * 15 + "1", "sequence": sequence}, separators=(",", ":")))


if __name__ == "__main__":
    main()
