//! Keys of chat, mail and telephone services.

use super::super::checksum;
use super::super::family::Alphabet::{Dotted, Hex, LowerDigits, UrlSafe, Wide};
use super::super::family::Family;
use super::{checked, checked_within, random, sure};

pub(super) const TABLE: &[Family] = &[
    random("secret.slack_token", "xoxb-", UrlSafe, 24, 120),
    random("secret.slack_token", "xoxp-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxa-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxr-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxo-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxs-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxc-", UrlSafe, 24, 160),
    random("secret.slack_token", "xoxd-", Wide, 40, 300),
    random("secret.slack_token", "xoxe-", UrlSafe, 40, 220),
    random("secret.slack_token", "xoxe.xoxb-", UrlSafe, 40, 260),
    random("secret.slack_token", "xoxe.xoxp-", UrlSafe, 40, 260),
    random("secret.slack_token", "xapp-", UrlSafe, 40, 140),
    random("secret.slack_webhook", "hooks.slack.com/services/T", Wide, 36, 60),
    random("secret.slack_webhook", "hooks.slack.com/workflows/T", Wide, 36, 80),
    random("secret.slack_webhook", "hooks.slack.com/triggers/T", Wide, 36, 80),
    random("secret.discord_webhook", "discord.com/api/webhooks/", Wide, 80, 110),
    random("secret.discord_webhook", "discordapp.com/api/webhooks/", Wide, 80, 110),
    random("secret.twilio_key", "SK", Hex, 32, 32),
    random("secret.twilio_account", "AC", Hex, 32, 32),
    sure("secret.teams_webhook", "outlook.office.com/webhook/", Wide, 80, 220),
    checked_within("secret.sendgrid_key", "SG.", Dotted, (60, 72), checksum::sendgrid),
    random("secret.onesignal_key", "os_v2_app_", LowerDigits, 90, 120),
    random("secret.onesignal_key", "os_v2_org_", LowerDigits, 90, 120),
    random("secret.mailgun_key", "key-", LowerDigits, 32, 32),
    sure("secret.brevo_key", "xkeysib-", UrlSafe, 70, 90),
    sure("secret.brevo_key", "xsmtpsib-", UrlSafe, 70, 90),
    checked("secret.resend_key", "re_", UrlSafe, 33, checksum::resend),
    sure("secret.mailersend_key", "mlsn.", Hex, 60, 70),
];
