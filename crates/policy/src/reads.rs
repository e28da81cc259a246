//! Which facts the policies can read, and how finely.
//!
//! Most facts never matter: no rule reads the caller's address, and a rank of 31 or 34 is the same
//! to a rule that asks for 30. Knowing that, the engine shows Cedar a *coarser* view of the facts,
//! and few views answer nearly all traffic from memory.
//!
//! INVARIANT: the analysis errs on the side of reading. A number is coarsened only where every place
//! that mentions it compares it with a literal; whatever is not understood counts as read exactly.
//! INVARIANT: two values with the same representative satisfy the same comparisons. A property test
//! holds both, against an engine that reads everything exactly.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{
    BinaryOp, Clause, Expr, Literal, PrincipalConstraint, ResourceConstraint, Template, Var,
};

use crate::vocabulary::{COLUMNS, FAMILIES};

/// How a fact is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Not at all.
    #[default]
    Unread,
    /// Only compared with literals; a value matters up to which of these cuts it has reached.
    Cuts(BTreeSet<i64>),
    /// In some other way.
    Exact,
}

impl Reading {
    /// Whether it is read at all.
    pub(crate) const fn is_read(&self) -> bool {
        !matches!(self, Self::Unread)
    }

    /// The value that stands for `value` (not negative): the highest cut it has reached, or 0.
    pub(crate) fn representative(&self, value: u64) -> i64 {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        match self {
            Self::Unread => 0,
            Self::Cuts(cuts) => cuts.range(..=value).next_back().map_or(0, |cut| (*cut).max(0)),
            Self::Exact => value,
        }
    }

    fn cut(&mut self, at: Option<i64>) {
        match (&mut *self, at) {
            (Self::Unread, Some(at)) => *self = Self::Cuts(BTreeSet::from([at])),
            (Self::Cuts(cuts), Some(at)) => {
                cuts.insert(at);
            }
            (Self::Exact, _) | (_, None) => {}
        }
    }
}

/// How the set of kinds is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KindsReading {
    /// Only asked whether it contains these.
    Members(BTreeSet<String>),
    /// In some other way.
    Exact,
}

/// Which facts the policies can read.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    pub(crate) client_address: Reading,
    pub(crate) end_user: Reading,
    pub(crate) hour: Reading,
    pub(crate) kinds: KindsReading,
    pub(crate) principal: bool,
    pub(crate) ranks: [[Reading; COLUMNS.len()]; FAMILIES.len()],
    pub(crate) request_bytes: Reading,
    pub(crate) resource: bool,
    pub(crate) risk: Reading,
    pub(crate) streamed: Reading,
    pub(crate) tainted: Reading,
    pub(crate) unix_s: Reading,
    pub(crate) unknown_fields: Reading,
    pub(crate) unscanned: Reading,
    pub(crate) weekday: Reading,
}

impl Reads {
    /// What the given policies can read.
    pub(crate) fn of<'a>(policies: impl IntoIterator<Item = &'a Template>) -> Self {
        let mut analysis = Analysis::default();
        for policy in policies {
            analysis.policy(policy);
        }
        analysis.finish()
    }

    /// As if every fact were read exactly.
    #[cfg(test)]
    pub(crate) fn everything() -> Self {
        let mut analysis = Analysis::default();
        analysis.everything();
        analysis.finish()
    }
}

/// Paths below `context`, dots between: `findings.injection.user`.
#[derive(Default)]
struct Analysis {
    kinds: BTreeSet<String>,
    /// Readings of whole paths. `Exact` on a path covers everything below it.
    paths: BTreeMap<String, Reading>,
    principal: bool,
    resource: bool,
}

impl Analysis {
    fn policy(&mut self, policy: &Template) {
        self.principal |= policy.principal != PrincipalConstraint::Any;
        self.resource |= policy.resource != ResourceConstraint::Any;
        // A list of work rather than recursion: a policy may nest deeper than the stack.
        let mut rest: Vec<&Expr> = conditions(policy).collect();
        while let Some(expression) = rest.pop() {
            self.expression(expression, &mut rest);
        }
    }

    /// Notes what this node reads and puts the nodes below it that are still to be read on `rest`.
    fn expression<'a>(&mut self, expression: &'a Expr, rest: &mut Vec<&'a Expr>) {
        match expression {
            Expr::BinaryOp { op, left, right } => {
                let understood = self.comparison(*op, left, right)
                    || flipped(*op).is_some_and(|op| self.comparison(op, right, left))
                    || self.membership(*op, left, right);
                if !understood {
                    rest.extend([left.as_ref(), right.as_ref()]);
                }
            }
            Expr::GetAttr { expr, .. } => match path(expression) {
                Some(path) => self.exactly(path),
                None => rest.push(expr),
            },
            Expr::HasAttr { expr, attrs } => match path(expr) {
                Some(path) => {
                    let below = attrs.iter().map(AsRef::as_ref).collect::<Vec<&str>>();
                    self.exactly(join(&path, &below.join(".")));
                }
                None => rest.push(expr),
            },
            Expr::Var(Var::Context) => self.everything_in_context(),
            Expr::Var(Var::Principal) => self.principal = true,
            Expr::Var(Var::Resource) => self.resource = true,
            // Actions and stages are always shown exactly. An entity named outright may be the
            // caller or the target, or stand above them.
            Expr::Literal(Literal::EntityUID(uid)) => {
                if uid.ty.to_string() != "Action" {
                    self.principal = true;
                    self.resource = true;
                }
            }
            Expr::Var(Var::Action) | Expr::Literal(_) => {}
            Expr::Unknown { .. } | Expr::Slot(_) => self.everything(),
            _ => match parts(expression) {
                Some(parts) => rest.extend(parts),
                // Whatever a later Cedar adds.
                None => self.everything(),
            },
        }
    }

    /// `context.path op literal`: notes where the answer changes, and whether it was that.
    fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> bool {
        let (Some(path), Expr::Literal(Literal::Long(literal))) = (path(left), right) else {
            return false;
        };
        let next = literal.checked_add(1);
        let cuts = match op {
            BinaryOp::GreaterEq | BinaryOp::Less => [Some(*literal), None],
            BinaryOp::Greater | BinaryOp::LessEq => [next, None],
            BinaryOp::Eq | BinaryOp::NotEq => [Some(*literal), next],
            _ => return false,
        };
        let reading = self.paths.entry(path).or_default();
        // Read at all, even where no value can make a difference.
        reading.cut(Some(0));
        for cut in cuts {
            reading.cut(cut);
        }
        true
    }

    /// `context.kinds.contains("…")` and its plural forms: notes the members, and whether it was that.
    fn membership(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> bool {
        if path(left).as_deref() != Some("kinds") {
            return false;
        }
        let one = [right];
        let members: Vec<&Expr> = match (op, right) {
            (BinaryOp::Contains, _) => one.to_vec(),
            (BinaryOp::ContainsAll | BinaryOp::ContainsAny, Expr::Set(items)) => {
                items.iter().map(AsRef::as_ref).collect()
            }
            _ => return false,
        };
        let literals: Option<Vec<String>> = members
            .into_iter()
            .map(|member| match member {
                Expr::Literal(Literal::String(text)) => Some(text.to_string()),
                _ => None,
            })
            .collect();
        let understood = literals.is_some();
        self.kinds.extend(literals.into_iter().flatten());
        understood
    }

    fn exactly(&mut self, path: String) {
        self.paths.insert(path, Reading::Exact);
    }

    fn everything_in_context(&mut self) {
        self.exactly(String::new());
    }

    fn everything(&mut self) {
        self.everything_in_context();
        self.principal = true;
        self.resource = true;
    }

    fn finish(self) -> Reads {
        let reading = |path: &str| self.reading(path);
        Reads {
            client_address: reading("client_address"),
            end_user: reading("end_user"),
            hour: reading("time.hour"),
            kinds: match reading("kinds") {
                Reading::Unread => KindsReading::Members(self.kinds.clone()),
                Reading::Cuts(_) | Reading::Exact => KindsReading::Exact,
            },
            principal: self.principal,
            ranks: FAMILIES.map(|family| {
                COLUMNS.map(|column| reading(&format!("findings.{family}.{column}")))
            }),
            request_bytes: reading("request_bytes"),
            resource: self.resource,
            risk: reading("risk"),
            streamed: reading("streamed"),
            tainted: reading("tainted"),
            unix_s: reading("time.unix_s"),
            unknown_fields: reading("unknown_fields"),
            unscanned: reading("unscanned"),
            weekday: reading("time.weekday"),
        }
    }

    /// The reading of a leaf: its own, unless something above it was read as a whole.
    fn reading(&self, path: &str) -> Reading {
        let mut above =
            std::iter::once("").chain(path.match_indices('.').filter_map(|(at, _)| path.get(..at)));
        if above.any(|above| self.paths.contains_key(above)) {
            return Reading::Exact;
        }
        self.paths.get(path).cloned().unwrap_or_default()
    }
}

/// The expressions directly inside this one, or `None` if it is of a kind that is not known here.
fn parts(expression: &Expr) -> Option<Vec<&Expr>> {
    Some(match expression {
        Expr::Literal(_) | Expr::Var(_) | Expr::Slot(_) | Expr::Unknown { .. } => Vec::new(),
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => {
            std::iter::once(expr.as_ref()).chain(in_expr.as_deref()).collect()
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(AsRef::as_ref).collect(),
        Expr::Record(items) => items.values().map(AsRef::as_ref).collect(),
        _ => return None,
    })
}

/// How many expressions of the policy stand inside each other at most.
pub(crate) fn depth(policy: &Template) -> usize {
    let mut deepest = 0;
    let mut rest: Vec<(usize, &Expr)> = conditions(policy).map(|one| (1, one)).collect();
    while let Some((depth, expression)) = rest.pop() {
        deepest = deepest.max(depth);
        rest.extend(parts(expression).unwrap_or_default().into_iter().map(|one| (depth + 1, one)));
    }
    deepest
}

fn conditions(policy: &Template) -> impl Iterator<Item = &Expr> {
    policy.clauses().iter().map(|clause| match clause {
        Clause::When(expression) | Clause::Unless(expression) => expression.as_ref(),
    })
}

/// The path below `context` of a chain of attributes, or `None` if it is something else.
fn path(expression: &Expr) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut at = expression;
    while let Expr::GetAttr { expr, attr } = at {
        names.push(attr);
        at = expr;
    }
    names.reverse();
    matches!(at, Expr::Var(Var::Context)).then(|| names.join("."))
}

fn join(above: &str, below: &str) -> String {
    if above.is_empty() { below.to_owned() } else { format!("{above}.{below}") }
}

/// `5 < x` is `x > 5`.
const fn flipped(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEq => BinaryOp::GreaterEq,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEq => BinaryOp::LessEq,
        BinaryOp::Eq | BinaryOp::NotEq => op,
        _ => return None,
    })
}
