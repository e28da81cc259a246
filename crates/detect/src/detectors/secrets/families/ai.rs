//! Model providers and the services around them.

use super::super::family::Alphabet::{Alphanumeric, Base64, Hex, LowerDigits, UrlSafe};
use super::super::family::Family;
use super::{random, sure};

pub(super) const TABLE: &[Family] = &[
    sure("secret.openai_key", "sk-proj-", UrlSafe, 40, 200),
    sure("secret.openai_key", "sk-svcacct-", UrlSafe, 40, 200),
    sure("secret.openai_key", "sk-service-", UrlSafe, 40, 200),
    sure("secret.openai_key", "sk-admin-", UrlSafe, 40, 200),
    sure("secret.openai_key", "sk-None-", UrlSafe, 40, 200),
    // 48 characters: OpenAI before 2024, Moonshot. 32: DeepSeek, Qwen. Others in between.
    random("secret.sk_api_key", "sk-", Alphanumeric, 20, 64),
    sure("secret.anthropic_key", "sk-ant-", UrlSafe, 24, 140),
    sure("secret.openrouter_key", "sk-or-v1-", Hex, 48, 64),
    sure("secret.langfuse_key", "sk-lf-", UrlSafe, 32, 40),
    random("secret.huggingface_token", "hf_", Alphanumeric, 30, 40),
    random("secret.huggingface_token", "api_org_", Alphanumeric, 30, 40),
    random("secret.groq_key", "gsk_", Alphanumeric, 48, 56),
    random("secret.xai_key", "xai-", Alphanumeric, 70, 90),
    random("secret.perplexity_key", "pplx-", Alphanumeric, 40, 60),
    random("secret.replicate_token", "r8_", Alphanumeric, 37, 40),
    random("secret.cerebras_key", "csk-", LowerDigits, 40, 56),
    random("secret.fireworks_key", "fw_", Alphanumeric, 20, 32),
    random("secret.together_key", "tgp_v1_", UrlSafe, 40, 50),
    random("secret.nvidia_key", "nvapi-", UrlSafe, 60, 80),
    random("secret.voyage_key", "pa-", UrlSafe, 40, 48),
    random("secret.jina_key", "jina_", UrlSafe, 50, 80),
    random("secret.tavily_key", "tvly-", UrlSafe, 28, 48),
    sure("secret.langsmith_key", "lsv2_pt_", UrlSafe, 40, 50),
    sure("secret.langsmith_key", "lsv2_sk_", UrlSafe, 40, 50),
    sure("secret.langsmith_key", "ls__", Hex, 32, 32),
    random("secret.firecrawl_key", "fc-", Hex, 32, 32),
    random("secret.elevenlabs_key", "sk_", Hex, 48, 48),
    sure("secret.pinecone_key", "pcsk_", UrlSafe, 50, 80),
    random("secret.anyscale_key", "esecret_", Alphanumeric, 20, 40),
    random("secret.e2b_key", "e2b_", Hex, 40, 40),
    random("secret.llamacloud_key", "llx-", Alphanumeric, 40, 60),
    random("secret.runpod_key", "rpa_", Alphanumeric, 40, 50),
    random("secret.modal_token", "ak-", Alphanumeric, 22, 22),
    random("secret.modal_token", "as-", Alphanumeric, 22, 22),
    sure("secret.aws_bedrock_key", "ABSK", Base64, 100, 280),
    sure("secret.aws_bedrock_key", "bedrock-api-key-", Base64, 60, 400),
];
