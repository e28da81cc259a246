//! The switch that cuts an upstream or a model off.
//!
//! New requests for what is isolated go to the route's other upstreams, or are refused if there is none: `403 isolated`. That status,
//! because client libraries do not try it again: whoever isolates something does not want it asked ten times as often. Answers
//! under way end at once, streams with the dialect's own error.
//!
//! INVARIANT: what is set holds for every request that is examined later, and wakes every answer under way.
//!
//! Not here: who may isolate what, for how long, and that being on record: whoever holds the handle.

use std::fmt;
use std::str::FromStr;

use policy::NamePattern;
use tokio::sync::watch;
use wire::Operation;

/// Something that can be isolated: `upstream:NAME`, `model:PATTERN`.
#[derive(Clone, Debug, PartialEq)]
pub enum Isolated {
    /// The models whose names fit; `*` stands for any text.
    Model(NamePattern),
    /// The upstream of this configured name.
    Upstream(String),
}

/// A target that is neither an upstream nor a model. The caller's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write `upstream:NAME`, or `model:NAME` with `*` for any text")]
pub struct IsolatedError;

impl FromStr for Isolated {
    type Err = IsolatedError;

    fn from_str(text: &str) -> Result<Self, IsolatedError> {
        match text.split_once(':') {
            Some((_, "")) | None => Err(IsolatedError),
            Some(("upstream", name)) => Ok(Self::Upstream(name.to_owned())),
            Some(("model", pattern)) => Ok(Self::Model(NamePattern::new(pattern))),
            Some(_) => Err(IsolatedError),
        }
    }
}

impl fmt::Display for Isolated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(pattern) => write!(formatter, "model:{}", pattern.as_str()),
            Self::Upstream(name) => write!(formatter, "upstream:{name}"),
        }
    }
}

/// What is isolated now. Cheap to clone; all clones are one switch.
#[derive(Clone, Debug)]
pub struct Isolation(watch::Sender<Vec<Isolated>>);

impl Default for Isolation {
    fn default() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

impl Isolation {
    /// From now on this is isolated, and nothing else.
    pub fn set(&self, isolated: Vec<Isolated>) {
        self.0.send_replace(isolated);
    }

    /// Whether this upstream may not be asked for this model; nothing is a model of the upstream's choice, which may be any.
    pub(crate) fn holds(&self, upstream: &str, model: Option<&str>) -> bool {
        holds(&self.0.borrow(), upstream, model)
    }

    /// Waits until this upstream may not be asked for this model.
    pub(crate) fn cut(
        &self,
        upstream: &str,
        model: Option<&str>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let mut isolated = self.0.subscribe();
        let (upstream, model) = (upstream.to_owned(), model.map(str::to_owned));
        async move {
            let is_cut = isolated.wait_for(|isolated| holds(isolated, &upstream, model.as_deref()));
            if is_cut.await.is_err() {
                // Nobody is left who could isolate it.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The model that a request names; nothing where it leaves that to the upstream. Who lists models or stores files asks for
/// none.
pub(crate) fn named(operation: Operation, model: &str) -> Option<&str> {
    let is_for_none = operation.is_for_no_model() || operation.is_of_storage();
    Some(model).filter(|model| !model.is_empty() || is_for_none)
}

fn holds(isolated: &[Isolated], upstream: &str, model: Option<&str>) -> bool {
    isolated.iter().any(|one| match (one, model) {
        (Isolated::Model(_), None) => true,
        (Isolated::Model(pattern), Some(model)) => pattern.means(model),
        (Isolated::Upstream(name), _) => name == upstream,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written() {
        for text in ["upstream:openai", "model:gpt-4*", "model:llama3:8b"] {
            assert_eq!(text.parse::<Isolated>().map(|one| one.to_string()).as_deref(), Ok(text));
        }
        for text in ["openai", "upstream:", "key:4m2k9vq0ta", ""] {
            assert_eq!(text.parse::<Isolated>(), Err(IsolatedError), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_isolated_is_held_and_wakes_who_waits() {
        let isolation = Isolation::default();
        let cut = isolation.cut("a", Some("m-1"));
        assert!(!isolation.holds("a", Some("m-1")));
        isolation.set(vec![Isolated::Model(NamePattern::new("m-*"))]);
        assert!(isolation.holds("a", Some("m-1")) && isolation.holds("b", Some("m-2")));
        assert!(
            isolation.holds("a", Some("M-1")) && isolation.holds("a", None),
            "any case, or whichever"
        );
        assert!(!isolation.holds("a", Some("other")) && !isolation.holds("a", Some("")));
        cut.await;
        isolation.set(vec![Isolated::Upstream("a".to_owned())]);
        assert!(isolation.holds("a", Some("")) && !isolation.holds("b", Some("m-1")));
        isolation.set(Vec::new());
        assert!(!isolation.holds("a", Some("")));
    }
}
