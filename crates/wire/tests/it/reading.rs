//! Messages as clients and servers write them, and what is read from them.

use events::Provenance;
use wire::{
    Channel, Dialect, Document, EventReader, Lane, Literal, Operation, ReadError, ReadLimits,
    StreamEvent, StreamPart, UnknownFields, read_request, read_response, read_stream_event,
};

const CHAT: Operation = Operation::ChatCompletions;

fn request(message: &str) -> Document<'_> {
    read_request(CHAT, message.as_bytes(), UnknownFields::Scan, &ReadLimits::default())
        .unwrap_or_else(|error| panic!("{error}: {message}"))
}

fn seen(document: &Document<'_>) -> Vec<(String, Provenance, String)> {
    let entry = |field: &wire::Field<'_>| {
        (document.path_of(field), field.provenance, field.text.clone().into_owned())
    };
    document.fields.iter().map(entry).collect()
}

/// What a chunk says on each lane, read strictly.
fn lanes(data: &str) -> Vec<(Lane, String)> {
    let event = event(data);
    let read = read_stream_event(CHAT, &event, UnknownFields::Refuse, &ReadLimits::default());
    match read.unwrap_or_else(|error| panic!("{error}: {data}")) {
        StreamEvent::Chunk(document) => document
            .fields
            .iter()
            .map(|field| (field.lane.expect("a lane"), field.text.clone().into_owned()))
            .collect(),
        other => panic!("no chunk: {other:?}"),
    }
}

fn event(data: &str) -> StreamPart {
    let mut reader = EventReader::default();
    reader.push(format!("data: {}\n\n", data.replace('\n', "\ndata: ")).as_bytes());
    reader.next_event().expect("an event").expect("good bytes").into()
}

const fn lane(choice: u32, channel: Channel) -> Lane {
    Lane { choice, channel }
}

#[test]
fn a_role_speaks_for_text_before_and_after_it() {
    let document = request(
        r#"{"messages":[{"content":"a","role":"tool","name":"n","x_new":"x"},
        {"role":"assistant","content":"b","name":"n","x_new":"x"},{"content":"c","name":"n"}]}"#,
    );
    let found: Vec<(String, Provenance)> =
        seen(&document).into_iter().map(|(path, provenance, _)| (path, provenance)).collect();
    let expected = [
        ("messages[0].content", Provenance::ToolResult),
        ("messages[0].name", Provenance::ToolResult),
        // The key, then its value.
        ("messages[0].x_new", Provenance::ToolResult),
        ("messages[0].x_new", Provenance::ToolResult),
        ("messages[1].content", Provenance::Assistant),
        ("messages[1].name", Provenance::User),
        ("messages[1].x_new", Provenance::User),
        ("messages[1].x_new", Provenance::User),
        ("messages[2].content", Provenance::User),
        ("messages[2].name", Provenance::User),
    ]
    .map(|(path, provenance)| (path.to_owned(), provenance));
    assert_eq!(found, expected);
    assert_eq!(document.unknown(), ["messages[0].x_new", "messages[1].x_new"]);
}

#[test]
fn unknown_fields_are_read_to_the_bottom() {
    let document = request(r#"{"x_new":{"Anna S.":[{"b":["secret",7,12345678,true,null,""]}]}}"#);
    let found: Vec<(String, Literal)> = document
        .fields
        .iter()
        .map(|field| (format!("{} {}", document.path_of(field), field.text), field.literal))
        .collect();
    let expected = [
        ("x_new x_new", Literal::Key),
        ("x_new.* Anna S.", Literal::Key),
        ("x_new.*[0].b b", Literal::Key),
        ("x_new.*[0].b[0] secret", Literal::Text),
        ("x_new.*[0].b[2] 12345678", Literal::Number),
    ]
    .map(|(text, literal)| (text.to_owned(), literal));
    assert_eq!(found, expected);
    assert_eq!(document.unknown(), ["x_new"], "the place is listed once, not all below it");
}

#[test]
fn a_value_of_another_type_is_read_as_unknown() {
    let document =
        request(r#"{"messages":"secret","user":{"name":"anna"},"stop":4111111111111111}"#);
    let texts: Vec<&str> = document.fields.iter().map(|field| &*field.text).collect();
    assert_eq!(texts, ["secret", "name", "anna", "4111111111111111"]);
    assert_eq!(document.unknown(), ["messages", "user", "stop"]);
}

#[test]
fn the_opening_ends_with_the_first_user_message() {
    let opening = |message: &str| {
        let document = request(message);
        let fields = &document.fields[document.facts.opening.clone()];
        fields.iter().map(|field| &*field.text).collect::<Vec<_>>().join("|")
    };
    let system = r#"{"role":"system","content":"s"}"#;
    let user =
        r#"{"role":"user","content":[{"type":"text","text":"u"},{"type":"text","text":"v"}]}"#;
    let rest = r#"{"role":"assistant","content":"a"},{"role":"user","content":"w"}"#;
    let first = opening(&format!(r#"{{"model":"m","messages":[{system},{user}]}}"#));
    assert_eq!(first, "s|u|v");
    let tools = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
    let later = format!(r#"{{{tools},"messages":[{system},{user},{rest}],"user":"x"}}"#);
    assert_eq!(opening(&later), first, "the same whatever follows, and whatever stands around");
    assert_eq!(opening(&format!(r#"{{"messages":[{system}]}}"#)), "s");
    assert_eq!(opening(r#"{"messages":[]}"#), "");
}

#[test]
fn facts_prefer_the_better_place_in_any_order() {
    let facts = |members: &str| {
        let message = format!("{{{members}}}");
        let document = request(&message);
        let text = |fact: &Option<std::borrow::Cow<'_, str>>| fact.as_deref().map(str::to_owned);
        let facts = &document.facts;
        (text(&facts.end_user), text(&facts.conversation), facts.output_tokens_max)
    };
    let (user, id) = (r#""user":"u""#, r#""safety_identifier":"s""#);
    assert_eq!(facts(&format!("{user},{id}")).0.as_deref(), Some("s"));
    assert_eq!(facts(&format!("{id},{user}")).0.as_deref(), Some("s"));
    assert_eq!(facts(r#""user":"u","safety_identifier":"""#).0.as_deref(), Some("u"));
    let metadata =
        r#""session_id":"z","metadata":{"session_id":"c","thread_id":"b","conversation_id":7}"#;
    assert_eq!(facts(metadata).1.as_deref(), Some("7"));
    assert_eq!(facts(r#""metadata":{"session_id":"c"},"session_id":"z""#).1.as_deref(), Some("c"));
    assert_eq!(facts(r#""max_tokens":5,"max_completion_tokens":7"#).2, Some(7));
    assert_eq!(facts(r#""max_completion_tokens":7,"max_tokens":5"#).2, Some(7));
    let document = request(r#"{"stream":null,"n":null}"#);
    assert_eq!((document.facts.stream, document.facts.choices), (false, 1));
}

#[test]
fn embeddings_are_text_or_unread_tokens() {
    let read = |input: &str| {
        let message = format!(r#"{{"model":"m","input":{input}}}"#);
        let limits = ReadLimits::default();
        let document =
            read_request(Operation::Embeddings, message.as_bytes(), UnknownFields::Refuse, &limits)
                .unwrap_or_else(|error| panic!("{error}: {input}"));
        (document.fields.len(), document.unscanned().len())
    };
    assert_eq!(read(r#""a""#), (1, 0));
    assert_eq!(read(r#"["a","b"]"#), (2, 0));
    assert_eq!(read("[1,2,3]"), (0, 1));
    assert_eq!(read("[[1,2],[3]]"), (0, 2));
    let answer = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAA"},
        {"object":"embedding","index":1,"embedding":[0.1,-2e-3]}],"model":"m",
        "usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let limits = ReadLimits::default();
    let document =
        read_response(Operation::Embeddings, answer.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("an answer");
    assert!(document.fields.is_empty());
    assert_eq!(document.unscanned().len(), 2);
    assert_eq!(document.facts.usage.map(|usage| usage.input), Some(8));
}

#[test]
fn chunks_of_many_servers_are_known() {
    // OpenAI: the index may come last, and calls are told apart by theirs.
    assert_eq!(
        lanes(
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o",
            "service_tier":"default","system_fingerprint":"fp_1","choices":[
            {"delta":{"tool_calls":[{"function":{"arguments":"{\"a"},"index":2},
            {"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},
            "logprobs":null,"finish_reason":null,"index":1},
            {"index":0,"delta":{"content":" hi"},"finish_reason":null}],
            "usage":null,"obfuscation":"aB3"}"#
        ),
        [
            (lane(1, Channel::ToolArguments(2)), "{\"a".to_owned()),
            (lane(1, Channel::ToolName(0)), "f".to_owned()),
            (lane(0, Channel::Content), " hi".to_owned()),
        ]
    );
    // Azure: an empty first chunk, and filters with words of their own.
    let azure = lanes(
        r#"{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":
        [{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}"#,
    );
    assert!(azure.iter().all(|(lane, _)| matches!(lane.channel, Channel::Other(_))));
    // DeepSeek, vLLM and OpenRouter: three ways to stream reasoning.
    assert_eq!(
        lanes(
            r#"{"id":"1","object":"chat.completion.chunk","created":1.5,"model":"d","choices":[
            {"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"a",
            "reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"c","index":1,
            "format":"unknown","signature":null}]},"finish_reason":"","native_finish_reason":null,
            "stop_reason":null,"token_ids":null}],"provider":"X","usage":{"prompt_tokens":1,
            "completion_tokens":2,"total_tokens":3,"cost":0.1,"prompt_cache_hit_tokens":0,
            "prompt_tokens_details":{"cached_tokens":0}}}"#
        ),
        [
            (lane(0, Channel::ReasoningContent), "a".to_owned()),
            (lane(0, Channel::Reasoning), "b".to_owned()),
            (lane(0, Channel::ReasoningDetail(1)), "c".to_owned()),
        ]
    );
    // Without an index, the position counts.
    assert_eq!(
        lanes(r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#),
        [(lane(0, Channel::Content), "a".to_owned()), (lane(1, Channel::Content), "b".to_owned()),]
    );
}

#[test]
fn an_empty_finish_is_none() {
    let event = event(
        r#"{"choices":[{"index":3,"delta":{},"finish_reason":"length"},
        {"index":4,"delta":{},"finish_reason":""}]}"#,
    );
    let read = read_stream_event(CHAT, &event, UnknownFields::Refuse, &ReadLimits::default());
    let Ok(StreamEvent::Chunk(document)) = read else { panic!("no chunk: {read:?}") };
    let finished: Vec<(u32, &str)> =
        document.facts.finished.iter().map(|finish| (finish.choice, &*finish.reason)).collect();
    assert_eq!(finished, [(3, "length")]);
}

#[test]
fn the_lane_of_an_unknown_field_is_the_same_in_every_chunk() {
    let lane_in = |data: &str| {
        let event = event(data);
        match read_stream_event(CHAT, &event, UnknownFields::Scan, &ReadLimits::default()) {
            Ok(StreamEvent::Chunk(document)) => document
                .fields
                .iter()
                .find(|field| &*field.text == "t")
                .and_then(|field| field.lane),
            other => panic!("{other:?}"),
        }
    };
    let first = lane_in(r#"{"choices":[{"index":1,"delta":{"x_new":{"y":["t"]}}}]}"#);
    assert!(matches!(first, Some(Lane { choice: 1, channel: Channel::Extension(_, 0) })));
    let beside = lane_in(r#"{"choices":[{"index":1,"x_new":{"y":["t"]}}]}"#);
    assert!(matches!(beside, Some(Lane { choice: 1, channel: Channel::Other(_) })));
    let misfit =
        lane_in(r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"id":"t","type":"t"}]}}]}"#);
    assert_eq!(misfit, None, "words and ids that fit are nothing to scan");
    let of_call = |call: u32| {
        lane_in(&format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{call},"x":"t"}}]}}}}]}}"#
        ))
    };
    assert_ne!(of_call(0), of_call(1), "each call has its own");
    assert_eq!(
        lane_in(r#"{"choices":[{"index":0},{"delta":{"x_new":{"y":["", "t"]}},"index":1}]}"#),
        first
    );
    assert_ne!(lane_in(r#"{"choices":[{"index":1,"delta":{"x_new":{"z":["t"]}}}]}"#), first);
}

#[test]
fn an_answer_that_does_not_fit_is_read_all_the_same() {
    let answer = r#"{"id":"an id with words","choices":[{"index":-1,"finish_reason":"so it ends",
        "message":{"role":["x"],"content":{"text":"anna"},"tool_calls":"ben"}}],"usage":"many"}"#;
    let document =
        read_response(CHAT, answer.as_bytes(), UnknownFields::Scan, &ReadLimits::default())
            .expect("an answer");
    for text in ["an id with words", "so it ends", "x", "anna", "ben", "many"] {
        let found = document.fields.iter().any(|field| field.text == text);
        assert!(found, "{text}: {:?}", document.fields);
    }
    assert!(document.facts.id.is_none() && document.facts.finished.is_empty());
}

#[test]
fn errors_in_the_place_of_answers_are_told() {
    for body in [
        r#"{"error":{"message":"m","type":"t","param":null,"code":429}}"#,
        r#"{"object":"error","message":"m","type":"t","param":null,"code":400}"#,
        r#"{"detail":"m"}"#,
        r#"{"detail":[{"loc":["body"],"msg":"m","type":"missing"}]}"#,
        r#"{"error":"m"}"#,
    ] {
        for operation in Operation::ALL {
            // Ollama's servers have one way to say it.
            if operation.dialect() == Dialect::Ollama && !body.contains("\"error\":") {
                continue;
            }
            let limits = ReadLimits::default();
            let document =
                read_response(operation, body.as_bytes(), UnknownFields::Refuse, &limits)
                    .unwrap_or_else(|error| panic!("{error}: {body}"));
            assert!(document.facts.error, "{body}");
            assert!(document.fields.iter().any(|field| field.text == "m"), "{body}");
        }
    }
}

#[test]
fn what_a_request_may_cost_is_read_at_its_largest() {
    for (operation, body, prompts, choices, output_tokens_max) in [
        (Operation::Completions, r#"{"prompt":"a"}"#, 1, 1, None),
        (Operation::Completions, r#"{"prompt":["a","","c"],"n":2,"best_of":5}"#, 3, 5, None),
        (Operation::Completions, r#"{"prompt":[1,2,3],"best_of":1,"n":2}"#, 0, 2, None),
        (Operation::Completions, r#"{"prompt":[[1,2],[3]],"max_tokens":7}"#, 2, 1, Some(7)),
        (CHAT, r#"{"messages":[],"max_completion_tokens":1,"max_tokens":9}"#, 0, 1, Some(9)),
        (CHAT, r#"{"messages":[],"max_completion_tokens":9,"max_tokens":1}"#, 0, 1, Some(9)),
        (Operation::Responses, r#"{"input":"a","max_output_tokens":4}"#, 1, 1, Some(4)),
    ] {
        let read =
            read_request(operation, body.as_bytes(), UnknownFields::Scan, &ReadLimits::default());
        let facts = read.unwrap_or_else(|error| panic!("{error}: {body}")).facts;
        let found = (facts.prompts, facts.choices, facts.output_tokens_max);
        assert_eq!(found, (prompts, choices, output_tokens_max), "{body}");
    }
}

#[test]
fn the_tools_that_are_offered_are_known_by_name() {
    let offered = |operation, message: &str| -> Vec<String> {
        read_request(operation, message.as_bytes(), UnknownFields::Scan, &ReadLimits::default())
            .unwrap_or_else(|error| panic!("{error}: {message}"))
            .facts
            .tools
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect()
    };
    for (operation, message, expected) in [
        (
            CHAT,
            r#"{"functions":[{"name":"old"}],"tools":[{"type":"function","function":{"name":"a"}},
            {"type":"custom","custom":{"name":"b"}},{"type":"browser_search"}],"web_search_options":{}}"#,
            &["old", "a", "b", "browser_search", "web_search_options"][..],
        ),
        (
            Operation::Responses,
            r#"{"input":"x","tools":[{"type":"function","name":"a"},{"type":"web_search"},{"type":"mcp","server_label":"crm"},
            {"type":"namespace","name":"n","tools":[{"type":"function","name":"b"}]}]}"#,
            &["a", "web_search", "mcp", "crm", "n", "b"],
        ),
        (
            Operation::Messages,
            r#"{"tools":[{"name":"a","input_schema":{}},{"type":"bash_20250124","name":"bash"}],"messages":[
            {"role":"user","content":[{"type":"tool_addition","tool":{"name":"late"}}]}]}"#,
            &["a", "bash", "late"],
        ),
        (
            Operation::Messages,
            r#"{"messages":[{"role":"assistant","content":[{"type":"compaction","tool_changes":[
            {"type":"tool_addition","cache_control":{"type":"ephemeral"},"tool":{"type":"tool_reference","name":"a"}},
            {"type":"tool_addition","tool":{"type":"tool_definition","definition":
                {"name":"b","description":"d","input_schema":{"properties":{"tools":{}}}}}},
            {"tool":{"name":"c","beside":{"x":1}},"more":{"x":1}}]},
            {"type":"tool_addition","tool":{"type":"mcp_toolset_reference","server_name":"crm"}},
            {"type":"tool_addition","tool":{"name":"d","definition":{"name":"e","beside":1}}},
            {"type":"mcp_tool_listing","mcp_server_name":"crm","tools":[{"name":"f","beside":"x"},{}]}]}]}"#,
            &["a", "b", "c", "beside", "more", "crm", "d", "e", "beside", "crm", "f", "beside", ""],
        ),
        (
            Operation::GenerateContent,
            r#"{"contents":[],"tools":[{"functionDeclarations":[]},{"function_declarations": [ ]}]}"#,
            &[],
        ),
        (
            Operation::GenerateContent,
            r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"a"},{}]},{"functionDeclarations":[],"x":[{}]},{}]}"#,
            &["a", "", "x", ""],
        ),
        (
            Operation::Realtime,
            r#"{"type":"conversation.item.create","item":{"type":"mcp_list_tools","server_label":"crm",
            "tools":[{"name":"a","description":"d","input_schema":{"tools":[]},"annotations":{}},{"name":"b","beside":{}}]}}"#,
            &["a", "b", "beside"],
        ),
        (
            Operation::OllamaChat,
            r#"{"model":"m","tools":[{"type":"function","function":{"name":"a"}}],"messages":[]}"#,
            &["a"],
        ),
    ] {
        assert_eq!(offered(operation, message), expected, "{message}");
    }
    // What a template is handed by name stands in for the request's own.
    for (operation, message) in [
        (CHAT, r#""messages":[]"#),
        (Operation::Responses, r#""input":"x""#),
        (Operation::Tokenize, r#""messages":[]"#),
        (Operation::Score, r#""text_1":"a","text_2":"b""#),
        (Operation::Rerank, r#""query":"a","documents":["b"]"#),
    ] {
        for (given, expected) in [
            (r#"{"enable_thinking":true,"date_string":"x"}"#, &[][..]),
            (r#"{"tools":[],"xml_tools":[],"use_tools":false}"#, &[]),
            (
                r#"{"tools":[{"type":"function","function":{"name":"a","parameters":{"tools":{}}}},{"name":"b"}]}"#,
                &["a", "b"],
            ),
            (r#"{"tools":[{"name":"a","beside":{}},{}]}"#, &["a", "beside", ""]),
            (r#"{"tools":"all"}"#, &["tools"]),
            (r#"{"tools":{"name":"a"}}"#, &["tools"]),
            (r#"{"xml_tools":[{"name":"a"}]}"#, &["xml_tools"]),
            (r#"{"deep":[{"builtin_tools":["a"]}]}"#, &["builtin_tools"]),
        ] {
            let message = format!(r#"{{{message},"chat_template_kwargs":{given}}}"#);
            assert_eq!(offered(operation, &message), expected, "{message}");
        }
        let message = format!(r#"{{{message},"chat_template_kwargs":{{"chat_template":"x"}}}}"#);
        let limits = ReadLimits::default();
        let read = read_request(operation, message.as_bytes(), UnknownFields::Scan, &limits);
        assert!(matches!(read, Err(ReadError::Denied { .. })), "{message}");
    }
}
