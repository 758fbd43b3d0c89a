//! `/admin/tenants`: what is set for whole tenants, and the removal of their data.

use serde_json::{Map, Value, json};

use super::administration;
use super::route::TenantTarget;
use super::{documents, tell, users};
use crate::Gateway;
use crate::admission::change::{TenantBody, check_tenant};
use crate::admission::record::TenantRecord;
use crate::boundary::{Answered, Call};
use crate::error::Error;

/// Answers for tenants.
///
/// # Errors
/// Those of admission, of the body, and of the ledger.
pub async fn answer(gateway: &Gateway, call: &Call, method: &str, target: &TenantTarget) -> Result<Answered, Error> {
    administration::admit(gateway, call).await?;
    match (target, method) {
        (TenantTarget::All, _) => list(gateway, call).await,
        (TenantTarget::One(tenant), "PATCH") => change(gateway, call, tenant).await,
        (TenantTarget::One(tenant), _) => {
            let ledger = administration::known(gateway, call, tenant).await?;
            let record = ledger.record().await?;
            Ok(tell(gateway, call, 200, &shown(tenant, &record)))
        }
        (TenantTarget::Data(tenant), _) => {
            let ledger = administration::known(gateway, call, tenant).await?;
            users::erase(gateway, call, &ledger, None).await
        }
    }
}

/// What is shown of a record: all but the salt, which is a part of a key.
fn shown(tenant: &str, record: &TenantRecord) -> Value {
    let mut fields = Map::new();
    fields.insert("tenant".to_owned(), tenant.into());
    if let Ok(Value::Object(record)) = serde_json::to_value(record) {
        fields.extend(record.into_iter().filter(|(name, _)| name != "salt"));
    }
    fields.into()
}

/// All tenants: those that the gateway's own ledger knows, and those of configured keys.
async fn list(gateway: &Gateway, call: &Call) -> Result<Answered, Error> {
    let mut data: Vec<(String, Value)> = Vec::new();
    for known in administration::tenants(call).await? {
        let shown = json!({"tenant": known.tenant, "region": known.region});
        data.push((known.tenant, shown));
    }
    for (tenant, region) in administration::configured(gateway.config()?) {
        if !data.iter().any(|(known, _)| known == tenant) {
            data.push((tenant.to_owned(), json!({"tenant": tenant, "region": region})));
        }
    }
    data.sort_by(|(one, _), (other, _)| one.cmp(other));
    let data: Vec<Value> = data.into_iter().map(|(_, shown)| shown).collect();
    Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data})))
}

async fn change(gateway: &Gateway, call: &Call, tenant: &str) -> Result<Answered, Error> {
    check_tenant(tenant)?;
    let body: TenantBody = administration::body(call).await?;
    // What is wrong in the body is told before there is a tenant.
    body.applied(TenantRecord::default())?;
    let ledger = administration::enrolled(gateway, call, tenant, body.region).await?;
    let record = ledger.completed(body.applied(ledger.record().await?)?);
    ledger.put_record(record).await?;
    let record = ledger.publish_record().await?;
    documents::renew(&ledger, gateway).await?;
    Ok(tell(gateway, call, 200, &shown(tenant, &record)))
}
