//! Groups of rows that stand in several places of the dialect, written once per group.
//!
//! INVARIANT: a macro here is a table with a prefix, and nothing else.

/// A place in a cited document.
macro_rules! citation {
    ($prefix:literal, $origin:expr) => {
        $crate::table::rows!($prefix:
            word(".type");
            guarded(".cited_text", $origin);
            guarded(".document_title", $origin);
            guarded(".title", $origin);
            guarded(".url", $origin);
            guarded(".source", $origin);
            opaque_form(".encrypted_index", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".file_id", $crate::form::Form::Id, $crate::anthropic::KEPT);
            integer(".document_index");
            integer(".search_result_index");
            integer(".start_char_index");
            integer(".end_char_index");
            integer(".start_page_number");
            integer(".end_page_number");
            integer(".start_block_index");
            integer(".end_block_index");
        )
    };
}

/// Where a picture or a document of a request comes from.
macro_rules! source {
    ($prefix:literal, $origin:expr) => {
        $crate::table::rows!($prefix:
            word(".source.type").fact($crate::table::Fact::Kind);
            constrained(".source.media_type", $crate::form::Form::Id).fact($crate::table::Fact::Declared);
            attachment(".source.data", "opaque: file");
            media(".source.url", $origin);
            denied(".source.file_id", $crate::openai::STORED);
            guarded(".source.content", $crate::table::Origin::Is(events::Provenance::File));
            word(".source.content[].type");
            guarded(".source.content[].text", $crate::table::Origin::Is(events::Provenance::File));
            guarded(".source.content[].citations.**", $crate::table::Origin::Is(events::Provenance::File)).free();
            word(".source.content[].cache_control.type");
            word(".source.content[].cache_control.ttl");
            word(".source.content[].source.type").fact($crate::table::Fact::Kind);
            constrained(".source.content[].source.media_type", $crate::form::Form::Id)
                .fact($crate::table::Fact::Declared);
            attachment(".source.content[].source.data", "opaque: file");
            media(".source.content[].source.url", $origin);
            denied(".source.content[].source.file_id", $crate::openai::STORED);
            word(".source.content[].transformations.oversized_image");
        )
    };
}

/// What a tool of the provider's gave back, in a request or an answer.
macro_rules! provider_result {
    ($prefix:literal, $origin:expr) => {
        $crate::table::rows!($prefix:
            word(".type");
            word(".error_code");
            guarded(".error_message", $origin);
            guarded(".text", $origin);
            guarded(".stdout", $origin);
            guarded(".stderr", $origin);
            guarded(".url", $origin);
            guarded(".retrieved_at", $origin);
            opaque_form(".encrypted_content", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".encrypted_stdout", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            word(".stop_reason");
            integer(".return_code");
            guarded(".content", $origin);
            word(".content[].type");
            opaque_form(".content[].file_id", $crate::form::Form::Id, $crate::anthropic::KEPT);
            word(".file_type");
            integer(".num_lines");
            integer(".start_line");
            integer(".total_lines");
            flag(".is_file_update");
            guarded(".lines[]", $origin);
            integer(".old_start");
            integer(".old_lines");
            integer(".new_start");
            integer(".new_lines");
            word(".tool_references[].type");
            guarded(".tool_references[].tool_name", $origin);
            word(".tool_references[].cache_control.type");
            word(".tool_references[].cache_control.ttl");
            word(".content.type");
            guarded(".content.title", $origin);
            guarded(".content.context", $origin);
            flag(".content.citations.enabled");
            word(".content.cache_control.type");
            word(".content.cache_control.ttl");
        )
    };
}

/// The definition of a tool. The types of the provider's own are versions, with more digits than a word has, so they are read.
macro_rules! tool {
    ($prefix:literal) => {
        $crate::table::rows!($prefix:
            guarded(".type", $crate::anthropic::rows::DEFINED);
            guarded(".name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
            guarded(".description", $crate::anthropic::rows::DEFINED);
            guarded(".input_schema.**", $crate::anthropic::rows::DEFINED)
                .free()
                .vocabulary($crate::openai::is_schema_word);
            guarded(".input_examples[].**", $crate::anthropic::rows::DEFINED).free();
            flag(".strict");
            flag(".defer_loading");
            flag(".eager_input_streaming");
            guarded(".allowed_callers[]", $crate::anthropic::rows::DEFINED);
            word(".cache_control.type");
            word(".cache_control.ttl");
            word(".caching.type");
            word(".caching.ttl");
            integer(".max_uses");
            integer(".max_tokens");
            integer(".max_characters");
            integer(".max_content_tokens");
            integer(".display_width_px");
            integer(".display_height_px");
            integer(".display_number");
            flag(".enable_zoom");
            flag(".use_cache");
            word(".response_inclusion");
            flag(".citations.enabled");
            guarded(".allowed_domains[]", $crate::anthropic::rows::DEFINED);
            guarded(".blocked_domains[]", $crate::anthropic::rows::DEFINED);
            guarded(".url_sources.**", $crate::anthropic::rows::DEFINED).free();
            word(".user_location.type");
            guarded(".user_location.city", $crate::table::Origin::Is(events::Provenance::User));
            guarded(".user_location.country", $crate::table::Origin::Is(events::Provenance::User));
            guarded(".user_location.region", $crate::table::Origin::Is(events::Provenance::User));
            guarded(".user_location.timezone", $crate::table::Origin::Is(events::Provenance::User));
            guarded(".mcp_server_name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
            guarded(".default_config.**", $crate::anthropic::rows::DEFINED).free();
            guarded(".configs.**", $crate::anthropic::rows::DEFINED).free();
            guarded(".tools[].name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
            guarded(".tools[].mcp_server_name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
            guarded(".tools[].description", $crate::anthropic::rows::DEFINED);
            guarded(".tools[].input_schema.**", $crate::anthropic::rows::DEFINED)
                .free()
                .vocabulary($crate::openai::is_schema_word);
            denied(".model", $crate::openai::HOSTS);
        )
    };
}

/// What stands for a tool that comes or goes: one that was defined, or a definition.
macro_rules! tool_change {
    ($prefix:literal) => {
        $crate::table::rows!($prefix:
            word(".type");
            guarded(".name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
            guarded(".server_name", $crate::anthropic::rows::DEFINED).fact($crate::table::Fact::Tool);
        )
    };
}

/// Whose the definition of a tool is.
pub(crate) const DEFINED: crate::table::Origin =
    crate::table::Origin::Is(events::Provenance::ToolDefinition);

/// Token counts. What is read from a cache and written to it is input that `input_tokens` does not count.
macro_rules! usage {
    ($prefix:literal) => {
        $crate::table::rows!($prefix:
            integer(".input_tokens").fact($crate::table::Fact::InputTokens);
            integer(".cache_creation_input_tokens").fact($crate::table::Fact::InputTokens);
            integer(".cache_read_input_tokens").fact($crate::table::Fact::InputTokens);
            integer(".output_tokens").fact($crate::table::Fact::OutputTokens);
            number(".*");
            number(".*.*");
            word(".service_tier");
            word(".inference_geo");
            word(".speed");
            said(".fallback_credit.**");
            word(".iterations[].type");
            constrained(".iterations[].model", $crate::form::Form::Id);
            number(".iterations[].*");
            number(".iterations[].*.*");
        )
    };
}

pub(crate) use {citation, provider_result, source, tool, tool_change, usage};
