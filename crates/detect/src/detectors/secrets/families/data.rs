//! Databases, observability, feature flags, workflow services.

use super::super::checksum;
use super::super::family::Alphabet::{Alphanumeric, Base64, Dotted, Hex, UpperDigits, UrlSafe};
use super::super::family::Family;
use super::{checked, endless, random, sure};

pub(super) const TABLE: &[Family] = &[
    checked("secret.grafana_token", "glsa_", UrlSafe, 41, checksum::grafana),
    endless("secret.grafana_token", "glc_eyJ", Base64, 40),
    sure("secret.newrelic_key", "NRAK-", UpperDigits, 27, 27),
    sure("secret.newrelic_key", "NRJS-", Hex, 19, 19),
    sure("secret.newrelic_key", "NRAA-", Hex, 27, 27),
    sure("secret.newrelic_key", "NRIQ-", UrlSafe, 32, 32),
    sure("secret.newrelic_key", "NRII-", UrlSafe, 32, 32),
    endless("secret.sentry_token", "sntrys_eyJ", Base64, 60),
    sure("secret.sentry_token", "sntryu_", Hex, 64, 64),
    sure("secret.dynatrace_token", "dt0c01.", Dotted, 60, 100),
    sure("secret.dynatrace_token", "dt0s16.", Dotted, 60, 100),
    sure("secret.honeycomb_key", "hcaik_", Alphanumeric, 58, 64),
    sure("secret.honeycomb_key", "hcamk_", Alphanumeric, 58, 64),
    sure("secret.elastic_key", "essu_", Base64, 40, 200),
    sure("secret.databricks_token", "dapi", Hex, 32, 32),
    sure("secret.databricks_token", "dose", Hex, 32, 32),
    sure("secret.planetscale_token", "pscale_tkn_", UrlSafe, 32, 64),
    sure("secret.planetscale_password", "pscale_pw_", UrlSafe, 32, 64),
    sure("secret.planetscale_token", "pscale_oauth_", UrlSafe, 32, 64),
    random("secret.aiven_password", "AVNS_", UrlSafe, 16, 24),
    random("secret.mongodb_atlas_secret", "mdb_sa_sk_", UrlSafe, 36, 48),
    random("secret.cockroach_key", "CCDB1_", UrlSafe, 40, 80),
    random("secret.clickhouse_key", "4b1d", Alphanumeric, 38, 38),
    random("secret.triggerdev_key", "tr_prod_", Alphanumeric, 20, 40),
    random("secret.triggerdev_key", "tr_dev_", Alphanumeric, 20, 40),
    random("secret.neon_key", "napi_", Alphanumeric, 40, 80),
    sure("secret.prefect_key", "pnu_", Alphanumeric, 36, 36),
    sure("secret.prefect_key", "pnb_", Alphanumeric, 36, 36),
    random("secret.dbt_token", "dbtc_", UrlSafe, 36, 60),
    random("secret.dbt_token", "dbtu_", UrlSafe, 36, 60),
    random("secret.mapbox_token", "sk.eyJ", Dotted, 60, 140),
    checked("secret.launchdarkly_key", "sdk-", UrlSafe, 36, checksum::uuid_tail),
    checked("secret.launchdarkly_key", "api-", UrlSafe, 36, checksum::uuid_tail),
    sure("secret.statsig_key", "secret-", Alphanumeric, 40, 50),
    sure("secret.posthog_key", "phx_", Alphanumeric, 40, 60),
    random("secret.inngest_key", "signkey-prod-", Hex, 64, 64),
    checked("secret.axiom_token", "xaat-", UrlSafe, 36, checksum::uuid_tail),
    checked("secret.axiom_token", "xapt-", UrlSafe, 36, checksum::uuid_tail),
];
