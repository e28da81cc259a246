//! The table of fields: each of ours, and what every format calls it. The reference page is this table.
//!
//! A name in brackets is a place of the format's own (the body of an OpenTelemetry record, the severity in a header of CEF),
//! an empty one is left out. `cs1:model` is a custom key of CEF and its label. `unmapped` stands for a member of our
//! own name under OCSF's `unmapped.bartizan`.
//!
//! INVARIANT: rows are in the order in which the line formats write them, the most telling first, because a line that is full
//! leaves out what comes last. INVARIANT: names of ours are unique; they are the paths in `event.body.data`, but for the
//! ones that [`Row::meaning`] says otherwise of.

use telemetry::names;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Our name, as in conditions.
    pub(crate) name: &'static str,
    /// Elastic Common Schema.
    pub(crate) ecs: &'static str,
    /// OpenTelemetry.
    pub(crate) otel: &'static str,
    /// Common Event Format.
    pub(crate) cef: &'static str,
    /// Log Event Extended Format.
    pub(crate) leef: &'static str,
    /// Open Cybersecurity Schema Framework, in the class that the event becomes.
    pub(crate) ocsf: &'static str,
    /// What it says.
    pub(crate) meaning: &'static str,
}

impl Row {
    /// A name as an attribute, if it is one.
    pub(crate) fn attribute(name: &'static str) -> Option<&'static str> {
        (!name.is_empty() && !name.starts_with('(')).then_some(name)
    }
}

/// OCSF has no attribute for it.
pub(crate) const UNMAPPED: &str = "unmapped";

macro_rules! fields {
    ($($field:ident: $name:literal, $ecs:expr, $otel:expr, $cef:literal, $leef:literal, $ocsf:expr, $meaning:literal;)+) => {
        /// A field of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $(#[doc = $meaning] $field),+
        }

        impl Field {
            /// All fields, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// Our name, as in conditions, rules and columns: `principal.key`.
            pub const fn name(self) -> &'static str {
                self.row().name
            }

            /// What it says.
            pub const fn meaning(self) -> &'static str {
                self.row().meaning
            }

            /// The field's row.
            pub(crate) const fn row(self) -> &'static Row {
                match self {
                    $(Self::$field => &Row {
                        name: $name, ecs: $ecs, otel: $otel, cef: $cef, leef: $leef, ocsf: $ocsf, meaning: $meaning,
                    }),+
                }
            }
        }
    };
}

fields! {
    // field: ours, ECS, OpenTelemetry, CEF, LEEF, OCSF, meaning
    Time: "time", "@timestamp", "(timeUnixNano)", "rt", "devTime", "time", "When it happened; `event.time_ms` in lines.";
    Class: "class", "event.action", "bartizan.class", "cat", "cat", "metadata.event_code", "What happened: `interaction_opened`, `interaction_closed`, `administration`, `anomaly`, `campaign`, `node`, `user_report`; `event.body.class` in lines.";
    Severity: "severity", "event.severity", "(severityNumber)", "(header)", "sev", "severity_id", "Derived: 1 informational, 2 low, 3 medium, 4 high, 5 critical; see above.";
    Sequence: "sequence", "event.sequence", "bartizan.record.sequence", "cn3:sequence", "sequence", "metadata.sequence", "Its place in the node's record; beside `event` in lines.";
    Node: "node", "service.node.name", "bartizan.record.node", "deviceExternalId", "node", "metadata.reporter.uid", "The node that wrote it; beside `event` in lines.";
    Interaction: "interaction", "transaction.id", "bartizan.interaction.id", "externalId", "interaction", "metadata.correlation_uid", "The interaction it is about.";
    Outcome: "decision.outcome", "bartizan.decision.outcome", "bartizan.decision.outcome", "act", "action", "action", "`allowed`, `refused`.";
    DecisionReason: "decision.reason", "event.reason", "bartizan.decision.reason", "reason", "reason", "status_detail", "The code of a refusal.";
    Ending: "ending", "bartizan.ending", "bartizan.ending", "outcome", "ending", "api.response.message", "How the interaction ended.";
    ClientAddress: "client_address", "client.ip", names::CLIENT_ADDRESS, "src", "src", "src_endpoint.ip", "The caller's address; an IPv6 address is `c6a2` in CEF, and what is no address is left out.";
    User: "principal.user", "user.name", names::USER_ID, "suser", "usrName", "actor.user.uid", "The subject of the token, or the name in the certificate.";
    Key: "principal.key", "bartizan.key", "bartizan.key", "cs1:virtualKey", "virtualKey", "actor.session.credential_uid", "The virtual key's public id.";
    Application: "principal.application", "bartizan.application", "bartizan.application", "sourceServiceName", "application", "actor.app_name", "The application.";
    Tenant: "principal.tenant", "organization.id", "bartizan.tenant", "bartizanTenant", "tenant", "metadata.tenant_uid", "The tenant.";
    Team: "principal.team", "user.group.name", "bartizan.team", "bartizanTeam", "team", "actor.user.groups.name", "The team.";
    Agent: "principal.agent", "gen_ai.agent.id", names::AGENT_ID, "bartizanAgent", "agent", UNMAPPED, "The agent that acts; in OCSF 1.9.0 `ai_agent.uid`.";
    EndUser: "principal.end_user", "user.hash", names::USER_HASH, "suid", "endUser", "actor.user.uid_alt", "What the caller says about its own end user, hashed.";
    Issuer: "principal.issuer", "user.domain", "bartizan.issuer", "bartizanIssuer", "realm", "actor.idp.name", "Who vouches for the user.";
    Model: "model", "gen_ai.request.model", names::REQUEST_MODEL, "cs2:model", "model", "ai_model.name", "The model asked for.";
    Operation: "operation", "bartizan.operation", "bartizan.operation", "cs3:operation", "operation", "api.operation", "What was asked for: `chat.completions`, `key.create`.";
    FindingKinds: "findings.kind", "bartizan.findings.kind", "bartizan.findings.kind", "cs6:findings", "findings", UNMAPPED, "What was found, one for each finding; in lines `findings[].finding.kind`, as with the next ones.";
    FindingRanks: "findings.rank", "bartizan.findings.rank", "bartizan.findings.rank", "bartizanRanks", "ranks", UNMAPPED, "How rare each is on ordinary text.";
    Rules: "rules", "rule.id", "bartizan.rules", "cs5:rules", "policy", "authorizations.policy.uid", "The rules that fired and hold; `decision.rules[].id` in lines, as with the next ones.";
    Actions: "decision.actions", "bartizan.decision.actions", "bartizan.decision.actions", "bartizanActions", "actions", UNMAPPED, "Enforced actions, mildest first.";
    Status: "status", "http.response.status_code", names::RESPONSE_STATUS, "bartizanHttpStatus", "httpStatus", "http_response.code", "The HTTP status sent to the client.";
    Reason: "reason", "error.code", names::ERROR_TYPE, "bartizanError", "error", "api.response.error", "A code, when it did not end well.";
    Conversation: "conversation", "bartizan.conversation", names::CONVERSATION_ID, "cs4:conversation", "conversation", "message_context.uid", "The conversation it belongs to.";
    InputTokens: "usage.input", "gen_ai.usage.input_tokens", names::INPUT_TOKENS, "cn1:inputTokens", "inputTokens", "message_context.prompt_tokens", "Tokens of the prompt, as the upstream counts them.";
    OutputTokens: "usage.output", "gen_ai.usage.output_tokens", names::OUTPUT_TOKENS, "cn2:outputTokens", "outputTokens", "message_context.completion_tokens", "Tokens of the answer.";
    Upstream: "upstream", "bartizan.upstream", "bartizan.upstream", "destinationServiceName", "upstream", "dst_endpoint.svc_name", "The configured name of the upstream that is asked first.";
    Risk: "risk", "event.risk_score", "bartizan.risk", "bartizanRisk", "risk", "risk_score", "The conversation's risk after this turn, 0 to 100.";
    RequestBytes: "request_bytes", "http.request.body.bytes", names::REQUEST_BODY_SIZE, "in", "srcBytes", "http_request.body_length", "Bytes of the request's body.";
    ResponseBytes: "response_bytes", "http.response.body.bytes", names::RESPONSE_BODY_SIZE, "out", "dstBytes", "http_response.body_length", "Bytes sent to the client.";
    Duration: "duration_us", "event.duration", "bartizan.duration", "bartizanDurationMs", "durationMs", "duration", "From the request's first byte to the answer's last.";
    FirstByte: "first_byte_us", "bartizan.first_byte_ns", names::RESPONSE_FIRST_CHUNK, "bartizanFirstByteMs", "firstByteMs", "http_response.latency", "From the request's first byte to the answer's first.";
    Provider: "provider", "gen_ai.system", names::PROVIDER_NAME, "bartizanProvider", "provider", "ai_model.ai_provider", "Derived from the dialect; not in lines. ECS 9.5 is to call it as OpenTelemetry does.";
    GenAiOperation: "gen_ai_operation", "gen_ai.operation.name", names::OPERATION_NAME, "", "", "", "The conventions' name of the operation; not in lines.";
    Dialect: "dialect", "bartizan.dialect", "bartizan.dialect", "bartizanDialect", "dialect", "api.service.name", "The dialect of the request.";
    Streamed: "streamed", "bartizan.streamed", names::REQUEST_STREAM, "bartizanStreamed", "streamed", UNMAPPED, "Whether a stream was asked for.";
    Route: "route", "bartizan.route", "bartizan.route", "bartizanRoute", "route", UNMAPPED, "The route it took.";
    Controls: "controls", "bartizan.controls", "bartizan.controls", "bartizanControls", "controls", UNMAPPED, "The framework controls of the rules that fired and hold.";
    Techniques: "techniques", "threat.technique.id", "bartizan.techniques", "bartizanTechniques", "techniques", "attacks.technique.uid", "Those of the controls that are techniques of MITRE ATLAS, not in lines; of a campaign `campaign.techniques`.";
    Playbooks: "playbooks", "bartizan.playbooks", "bartizan.playbooks", "bartizanPlaybooks", "playbooks", UNMAPPED, "The playbooks that those rules name.";
    RuleActions: "rule_actions", "bartizan.rule_actions", "bartizan.rule_actions", "", "", "authorizations.decision", "What each of those rules asks for.";
    RulesExcepted: "rules_excepted", "bartizan.rules_excepted", "bartizan.rules_excepted", "bartizanRulesExcepted", "policyExcepted", "authorizations.policy.uid", "The rules that an exception switched off.";
    RulesShadow: "rules_shadow", "bartizan.rules_shadow", "bartizan.rules_shadow", "bartizanRulesShadow", "policyShadow", "authorizations.policy.uid", "The rules that fired in shadow.";
    Exceptions: "exceptions", "bartizan.exceptions", "bartizan.exceptions", "bartizanExceptions", "exceptions", UNMAPPED, "The exceptions that switched rules off.";
    FindingScores: "findings.score", "bartizan.findings.score", "bartizan.findings.score", "", "", UNMAPPED, "How sure the detector is, in parts per ten thousand.";
    FindingDetectors: "findings.detector", "bartizan.findings.detector", "bartizan.findings.detector", "", "", UNMAPPED, "The detectors.";
    FindingPaths: "findings.path", "bartizan.findings.path", "bartizan.findings.path", "bartizanPaths", "paths", UNMAPPED, "The paths of the fields.";
    FindingProvenances: "findings.provenance", "bartizan.findings.provenance", "bartizan.findings.provenance", "bartizanProvenances", "provenances", UNMAPPED, "Where the fields came from.";
    FindingViews: "findings.view", "bartizan.findings.view", "bartizan.findings.view", "", "", UNMAPPED, "The decodings under which each was seen.";
    FindingStarts: "findings.start", "bartizan.findings.start", "bartizan.findings.start", "", "", UNMAPPED, "The first byte of each in its field's text.";
    FindingEnds: "findings.end", "bartizan.findings.end", "bartizan.findings.end", "", "", UNMAPPED, "One past the last byte.";
    FindingsOmitted: "findings_omitted", "bartizan.findings_omitted", "bartizan.findings_omitted", "bartizanFindingsOmitted", "findingsOmitted", UNMAPPED, "How many more there were than a record holds.";
    Masked: "masked", "bartizan.masked", "bartizan.masked", "bartizanMasked", "masked", UNMAPPED, "Values masked.";
    Restored: "restored", "bartizan.restored", "bartizan.restored", "bartizanRestored", "restored", UNMAPPED, "Values of the caller's own restored.";
    Guards: "guards.guard", "bartizan.guards.name", "bartizan.guards.name", "bartizanGuards", "guards", UNMAPPED, "Which guards were to run.";
    GuardStatuses: "guards.status", "bartizan.guards.status", "bartizan.guards.status", "bartizanGuardStatuses", "guardStatuses", UNMAPPED, "How each did.";
    GuardReasons: "guards.reason", "bartizan.guards.reason", "bartizan.guards.reason", "", "", UNMAPPED, "Why each did not run; `-` for those that did.";
    UnscannedPaths: "unscanned.path", "bartizan.unscanned.path", "bartizan.unscanned.path", "bartizanUnscanned", "unscanned", UNMAPPED, "What no guard read.";
    UnscannedReasons: "unscanned.why", "bartizan.unscanned.why", "bartizan.unscanned.why", "", "", UNMAPPED, "Why not.";
    UnknownFields: "unknown_fields", "bartizan.unknown_fields", "bartizan.unknown_fields", "bartizanUnknownFields", "unknownFields", UNMAPPED, "Fields that the content map does not know.";
    Fallbacks: "upstream_fallbacks", "bartizan.upstream_fallbacks", "bartizan.upstream_fallbacks", "", "", UNMAPPED, "Others that may be asked.";
    AttemptUpstreams: "attempts.upstream", "bartizan.attempts.upstream", "bartizan.attempts.upstream", "bartizanAttempts", "attempts", UNMAPPED, "Which upstreams were asked, in order.";
    AttemptOutcomes: "attempts.outcome", "bartizan.attempts.outcome", "bartizan.attempts.outcome", "", "", UNMAPPED, "How each try ended.";
    Certificate: "credentials.certificate", "bartizan.credentials.certificate", "bartizan.credentials.certificate", "bartizanCertificate", "certificate", UNMAPPED, "The name in the client's certificate.";
    Token: "credentials.token", "bartizan.credentials.token", "bartizan.credentials.token", "bartizanToken", "token", UNMAPPED, "A keyed hash of the token's own id.";
    TraceId: "trace.trace", "trace.id", "(traceId)", "bartizanTrace", "trace", "trace.uid", "The distributed trace.";
    SpanId: "trace.span", "span.id", "(spanId)", "bartizanSpan", "span", "trace.span.uid", "The interaction's own span.";
    ParentSpan: "trace.parent", "bartizan.parent_span", "bartizan.parent_span", "", "", "trace.span.parent_uid", "The caller's span.";
    Kind: "kind", "bartizan.anomaly.kind", "bartizan.anomaly.kind", "bartizanAnomaly", "anomaly", "finding_info.types", "What is out of the ordinary.";
    Measure: "measure", "bartizan.anomaly.measure", "bartizan.anomaly.measure", "bartizanMeasure", "measure", "anomaly_analyses.anomalies.observation_parameter", "What was measured.";
    Observed: "observed", "bartizan.anomaly.observed", "bartizan.anomaly.observed", "bartizanObserved", "observed", "anomaly_analyses.anomalies.observations.value", "What was seen in the window.";
    Ordinary: "ordinary", "bartizan.anomaly.ordinary", "bartizan.anomaly.ordinary", "bartizanOrdinary", "ordinary", "anomaly_analyses.baselines.observations.value", "What would have been ordinary.";
    Rank: "rank", "bartizan.anomaly.rank", "bartizan.anomaly.rank", "bartizanRank", "rank", UNMAPPED, "How rare it is.";
    Since: "since_ms", "event.start", "bartizan.anomaly.since", "start", "sinceMs", "start_time", "Since when it has been so.";
    Window: "window_s", "bartizan.anomaly.window_s", "bartizan.anomaly.window_s", "bartizanWindowS", "windowS", "anomaly_analyses.anomalies.observations.timespan.duration_secs", "The time that was looked at, in seconds.";
    CampaignId: "campaign.id", "bartizan.campaign.id", "bartizan.campaign.id", "bartizanCampaign", "campaign", "finding_info.uid", "The campaign, the same in all its notices.";
    CampaignPhase: "campaign.phase", "bartizan.campaign.phase", "bartizan.campaign.phase", "bartizanCampaignPhase", "campaignPhase", "activity_name", "`opened`, `grown`, `ended`; in OCSF `Create`, `Update`, `Close`.";
    CampaignShape: "campaign.shape", "bartizan.campaign.shape", "bartizan.campaign.shape", "bartizanCampaignShape", "campaignShape", "finding_info.types", "What it looks like: `fuzzing`, `probing`, `sweep`, `shared_text`, `shared_infrastructure`, `wave`.";
    CampaignScore: "campaign.score", "bartizan.campaign.score", "bartizan.campaign.score", "bartizanCampaignScore", "campaignScore", UNMAPPED, "How sure it is: −10·log10 of the chance that ordinary traffic looks so.";
    CampaignRequests: "campaign.requests", "bartizan.campaign.requests", "bartizan.campaign.requests", "cnt", "campaignRequests", "count", "All of its requests so far.";
    CampaignRefused: "campaign.refused", "bartizan.campaign.refused", "bartizan.campaign.refused", "bartizanCampaignRefused", "campaignRefused", UNMAPPED, "Those that policy refused or whose answer it stopped.";
    CampaignPassed: "campaign.passed", "bartizan.campaign.passed", "bartizan.campaign.passed", "bartizanCampaignPassed", "campaignPassed", UNMAPPED, "Those that were answered: what got through.";
    CampaignFlagged: "campaign.flagged", "bartizan.campaign.flagged", "bartizan.campaign.flagged", "bartizanCampaignFlagged", "campaignFlagged", UNMAPPED, "Those in which something was found.";
    CampaignCallers: "campaign.callers", "bartizan.campaign.callers", "bartizan.campaign.callers", "bartizanCampaignCallers", "campaignCallers", UNMAPPED, "How many callers, by key, user or end user.";
    CampaignNetworks: "campaign.networks_total", "bartizan.campaign.networks_total", "bartizan.campaign.networks_total", "bartizanCampaignNetworks", "campaignNetworksTotal", UNMAPPED, "How many networks (/24, /64).";
    CampaignConversations: "campaign.conversations", "bartizan.campaign.conversations", "bartizan.campaign.conversations", "bartizanCampaignConversations", "campaignConversations", UNMAPPED, "How many conversations.";
    CampaignFirst: "campaign.first_seen_ms", "bartizan.campaign.first_seen_ms", "bartizan.campaign.first_seen_ms", "bartizanCampaignStart", "campaignFirstSeenMs", "finding_info.first_seen_time", "When its first request ended.";
    CampaignLast: "campaign.last_seen_ms", "bartizan.campaign.last_seen_ms", "bartizan.campaign.last_seen_ms", "bartizanCampaignEnd", "campaignLastSeenMs", "finding_info.last_seen_time", "When its last one did.";
    CampaignKinds: "campaign.kinds.kind", "bartizan.campaign.kinds.kind", "bartizan.campaign.kinds.kind", "bartizanCampaignKinds", "campaignKinds", UNMAPPED, "What was tried, in the order in which it was tried first; in lines `campaign.kinds[].kind`, as with the next ones.";
    CampaignKindRanks: "campaign.kinds.rank", "bartizan.campaign.kinds.rank", "bartizan.campaign.kinds.rank", "", "", UNMAPPED, "The highest rank of each.";
    CampaignKindRequests: "campaign.kinds.requests", "bartizan.campaign.kinds.requests", "bartizan.campaign.kinds.requests", "", "", UNMAPPED, "In how many requests.";
    CampaignKindTimes: "campaign.kinds.since_ms", "bartizan.campaign.kinds.since_ms", "bartizan.campaign.kinds.since_ms", "", "", UNMAPPED, "When first.";
    CampaignKeys: "campaign.keys", "bartizan.campaign.keys", "bartizan.campaign.keys", "bartizanCampaignKeys", "campaignKeys", UNMAPPED, "Virtual keys, the first ones.";
    CampaignUsers: "campaign.users", "bartizan.campaign.users", "bartizan.campaign.users", "bartizanCampaignUsers", "campaignUsers", UNMAPPED, "Users, the first ones.";
    CampaignEndUsers: "campaign.end_users", "bartizan.campaign.end_users", "bartizan.campaign.end_users", "bartizanCampaignEndUsers", "campaignEndUsers", UNMAPPED, "End users, hashed, the first ones.";
    CampaignApplications: "campaign.applications", "bartizan.campaign.applications", "bartizan.campaign.applications", "bartizanCampaignApplications", "campaignApplications", UNMAPPED, "Applications, the first ones.";
    CampaignTeams: "campaign.teams", "bartizan.campaign.teams", "bartizan.campaign.teams", "bartizanCampaignTeams", "campaignTeams", UNMAPPED, "Teams, the first ones.";
    CampaignModels: "campaign.models", "bartizan.campaign.models", "bartizan.campaign.models", "bartizanCampaignModels", "campaignModels", UNMAPPED, "Models asked for, the first ones.";
    CampaignAddresses: "campaign.addresses", "bartizan.campaign.addresses", "bartizan.campaign.addresses", "bartizanCampaignAddresses", "campaignAddresses", UNMAPPED, "Addresses, the first ones.";
    CampaignNetworkNames: "campaign.networks", "bartizan.campaign.networks", "bartizan.campaign.networks", "", "", UNMAPPED, "Networks, the first ones.";
    CampaignMembers: "campaign.members", "bartizan.campaign.members", "bartizan.campaign.members", "bartizanCampaignMembers", "campaignMembers", "finding_info.related_events.uid", "Some of its interactions: the first of each kind that was tried, then the latest.";
    CampaignPassedMembers: "campaign.passed_members", "bartizan.campaign.passed_members", "bartizan.campaign.passed_members", "bartizanCampaignPassedMembers", "campaignPassedMembers", UNMAPPED, "Some of those that were answered.";
    CampaignLinkShares: "campaign.links.share", "bartizan.campaign.links.share", "bartizan.campaign.links.share", "bartizanCampaignLinks", "campaignLinks", UNMAPPED, "What its requests share, which is why they are one campaign; in lines `campaign.links[].share`, as with the next ones.";
    CampaignLinkNames: "campaign.links.what", "bartizan.campaign.links.what", "bartizan.campaign.links.what", "", "", UNMAPPED, "Which: a key, an address; a number for a text.";
    CampaignLinkRequests: "campaign.links.requests", "bartizan.campaign.links.requests", "bartizan.campaign.links.requests", "", "", UNMAPPED, "How many of its requests do.";
    CampaignStepTimes: "campaign.steps.time_ms", "bartizan.campaign.steps.time_ms", "bartizan.campaign.steps.time_ms", "", "", UNMAPPED, "Its course, in spans that begin then; in lines `campaign.steps[].time_ms`, as with the next ones.";
    CampaignStepRequests: "campaign.steps.requests", "bartizan.campaign.steps.requests", "bartizan.campaign.steps.requests", "", "", UNMAPPED, "Requests in each.";
    CampaignStepRefused: "campaign.steps.refused", "bartizan.campaign.steps.refused", "bartizan.campaign.steps.refused", "", "", UNMAPPED, "Those that were refused.";
    CampaignStepPassed: "campaign.steps.passed", "bartizan.campaign.steps.passed", "bartizan.campaign.steps.passed", "", "", UNMAPPED, "Those that were answered.";
    CampaignAbsorbed: "campaign.absorbed", "bartizan.campaign.absorbed", "bartizan.campaign.absorbed", "bartizanCampaignAbsorbed", "campaignAbsorbed", UNMAPPED, "Campaigns that turned out to be part of it.";
    Actor: "actor", "bartizan.administration.actor", "bartizan.administration.actor", "bartizanActor", "actor", "actor.user.uid", "Who made a change.";
    Target: "target", "bartizan.administration.target", "bartizan.administration.target", "bartizanTarget", "target", "entity.uid", "To what.";
    Why: "why", "bartizan.administration.why", "bartizan.administration.why", "bartizanWhy", "why", "comment", "Why, in the words of who did it.";
    State: "state", "bartizan.node.state", "bartizan.node.state", "bartizanState", "state", "activity_name", "`started`, `stopped`, `recovered`, `degraded`.";
    Rating: "rating", "bartizan.report.rating", names::EVALUATION_LABEL, "bartizanRating", "rating", UNMAPPED, "`up`, `down`.";
    ReportReason: "report_reason", "bartizan.report.reason", names::EVALUATION_EXPLANATION, "bartizanReportReason", "reportReason", UNMAPPED, "What was wrong with the answer; `reason` in lines.";
    Message: "message", "message", "(body)", "msg", "msg", "message", "Derived: the event in a sentence; not in lines.";
    Content: "content", "bartizan.content", "bartizan.content", "", "", UNMAPPED, "The commitment to what was said, which says nothing of it; also to a comment.";
    Leaf: "leaf", "event.hash", "bartizan.record.leaf", "bartizanLeaf", "leaf", UNMAPPED, "The record's Merkle leaf; beside `event` in lines.";
    Chain: "chain", "bartizan.record.chain", "bartizan.record.chain", "bartizanChain", "chain", UNMAPPED, "The head of the chain after it; beside `event` in lines.";
    TextsCut: "texts_cut", "bartizan.texts_cut", "bartizan.texts_cut", "bartizanTextsCut", "textsCut", UNMAPPED, "How many texts were too long and are cut; not in lines.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Field, Row};

    /// Names of a format are used once, but where two kinds of event share one.
    fn twice(column: fn(&Row) -> &'static str) -> Vec<&'static str> {
        let mut seen = BTreeSet::new();
        let names = Field::ALL.iter().map(|field| column(field.row()));
        names.filter(|name| Row::attribute(name).is_some() && !seen.insert(*name)).collect()
    }

    #[test]
    fn no_format_has_two_fields_of_one_name() {
        let columns: [fn(&Row) -> &'static str; 5] =
            [|row| row.name, |row| row.ecs, |row| row.otel, |row| row.cef, |row| row.leef];
        for column in columns {
            assert_eq!(twice(column), Vec::<&str>::new());
        }
    }

    #[test]
    fn keys_of_the_line_formats_are_letters_and_digits() {
        for field in Field::ALL {
            let Row { cef, leef, .. } = field.row();
            let names = cef.split(':').chain([*leef]).filter(|name| Row::attribute(name).is_some());
            for name in names {
                assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric()), "{name}");
            }
        }
    }

    #[test]
    fn custom_keys_of_common_events_are_used_once() {
        let mut seen = BTreeSet::new();
        let keys = Field::ALL.iter().filter_map(|field| field.row().cef.split_once(':'));
        assert!(keys.clone().count() > 0);
        for (key, _) in keys {
            assert!(seen.insert(key), "{key}");
        }
    }
}
