//! What isolates tell each other of the models: told to the gateway's own ledger once an answer has gone out, and heard from it.

use super::health::Settings;
use super::health::shared::{Rule, Tidings};
use crate::Gateway;
use crate::admission::OWN_LEDGER;
use crate::boundary::Call;
use crate::ledger::message::Message;

impl Gateway {
    /// Exchanges what there is to tell, when it is time. May follow an answer.
    pub async fn exchange_health(&self, call: &Call) {
        if let Ok(config) = self.config()
            && self.binds.ledger
            && let Some(tidings) = self.health.tell(&config.health, call.head.now_ms)
        {
            self.exchange(call, config.health, tidings).await;
        }
    }

    /// Hears what others have seen, whether there is something to tell or not.
    pub async fn hear_health(&self, call: &Call) {
        if let (Ok(config), true) = (self.config(), self.binds.ledger) {
            self.exchange(call, config.health, self.health.tell_all(call.head.now_ms)).await;
        }
    }

    /// A failure is the operator's to know, and changes nothing for a caller.
    async fn exchange(&self, call: &Call, settings: Settings, tidings: Vec<Tidings>) {
        match call.ledger::<Vec<Tidings>>(OWN_LEDGER, None, &Message::Health { rule: Rule::from(&settings), tidings }, Vec::new()).await {
            Ok((heard, _)) => {
                let jitter = if heard.iter().any(|tidings| tidings.phase.until_ms.is_some()) { call.random() } else { 0.0 };
                self.health.hear(&heard, jitter, &settings);
            }
            Err(_) => call.log_failure("ledger", "health: not exchanged"),
        }
    }
}
