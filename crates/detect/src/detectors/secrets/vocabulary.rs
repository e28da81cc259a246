//! Words that name passwords, keys and tokens, and what joins them to a value: the tables of `naming`.
//!
//! INVARIANT: `ENDINGS` holds the last two bytes of everything that comes before a value without an operator between.
//!
//! Not here: how they are read (`naming`).

// tidy: table - words that name secrets
/// Names of passwords, matched at the end of a name without separators and case.
pub(super) const PASSWORD_NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "motdepasse",
    "contrasena",
    "senha",
    "wachtwoord",
    "losenord",
    "passord",
    "adgangskode",
    "salasana",
    "katasandi",
    "matkhau",
    "jelszo",
];

/// The same, as words of their own: `dbPass` and `smtp_pass`, not `bypass`.
pub(super) const SHORT_PASSWORD_NAMES: &[&str] =
    &["pass", "pw", "psw", "haslo", "heslo", "parola", "sifre"];

/// Names of passwords in other scripts, as normalised text has them: letters that look like Latin ones are those.
pub(super) const FOREIGN_PASSWORD_NAMES: &[&str] = &[
    "п\u{61}\u{70}\u{6f}ль",
    "П\u{61}\u{70}\u{6f}ль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "كلمة المرور",
    "كلمة السر",
    "رمز عبور",
    "पासवर्ड",
];

/// Names of keys and tokens.
pub(super) const KEY_NAMES: &[&str] = &[
    "apikey",
    "apitoken",
    "accesskey",
    "accesstoken",
    "authtoken",
    "secret",
    "secretkey",
    "token",
    "clientsecret",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "accountkey",
    "sharedaccesskey",
    "masterkey",
    "refreshtoken",
    "sessiontoken",
    "bearer",
    "credential",
    "credentials",
    "authkey",
    "licensekey",
    "webhooksecret",
    "appsecret",
    "consumersecret",
    "secretaccesskey",
    "subscriptionkey",
    "unsealkey",
    "sessionkey",
    "apisecret",
    "authorizationkey",
    "deploykey",
    "hostkey",
    "adminkey",
    "servicekey",
    "jsessionid",
    "phpsessid",
    "sessionid",
];

/// The same, as words of their own.
pub(super) const SHORT_KEY_NAMES: &[&str] = &["sig"];

/// Names of anything that opens something, as words of their own or at the end of one that says what.
pub(super) const SOME_KEY_NAMES: &[&str] =
    &["key", "schlussel", "clave", "chave", "chiave", "sleutel", "klucz", "nyckel", "anahtar"];

/// Names that end like the above and hold no secret.
pub(super) const PUBLIC_NAMES: &[&str] = &[
    "publictoken",
    "publickey",
    "publishablekey",
    "sitekey",
    "primarykey",
    "foreignkey",
    "partitionkey",
    "sortkey",
    "cachekey",
    "rowkey",
    "objectkey",
    "routingkey",
    "idempotencykey",
    "csrftoken",
    "xsrftoken",
    "csrfmiddlewaretoken",
    "authenticitytoken",
    "verificationtoken",
    "nexttoken",
    "pagetoken",
    "continuationtoken",
    "maxtoken",
    "tokenizer",
];

/// What a command or a statement says just before a password, in lower case.
pub(super) const PHRASES: &[&str] = &[
    "identified by",
    "requirepass",
    "masterauth",
    "operator unseal",
    "sshpass -p",
    "redis-cli -a",
];

/// Verbs between a name and a password in prose.
pub(super) const VERBS: &[&str] =
    &[" is", " est", " es", " ist", " lautet", " e", " ar", " er", " jest", "是", "は"];

/// Calls whose last argument is a password and the one before it a user.
pub(super) const CREDENTIAL_CALLS: &[&str] = &[
    "credential",
    "credentials",
    "directoryentry",
    "basicauth",
    "login",
    "signin",
    "authenticate",
];

/// How the names end, and the schemes, verbs and commands: what else comes before a value without an operator between.
pub(super) const ENDINGS: &[&[u8; 2]] = &[
    b" e",
    b"al",
    b"ar",
    b"au",
    b"by",
    b"de",
    b"di",
    b"en",
    b"er",
    b"es",
    b"et",
    b"ey",
    b"ha",
    b"ic",
    b"id",
    b"is",
    b"la",
    b"lo",
    b"ls",
    b"na",
    b"on",
    b"pw",
    b"rd",
    b"re",
    b"rt",
    b"se",
    b"ss",
    b"st",
    b"sw",
    b"th",
    b"wd",
    b"zo",
    b"\x98\xaf",
    b"\x81\xaf",
];
