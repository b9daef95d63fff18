//! Before the checks: is the server there, and do the credentials that should work, work? Said once, not ten thousand
//! times.

use bitting_spec::table::Location;
use bitting_spec::{Operation, SecurityScheme};
use futures_util::future::join_all;

use super::grant::{client_flow, granting, password_flow};
use super::keyring::{Denied, apply};
use super::{Context, Stop};
use crate::credentials::Role;
use crate::error::Error;
use crate::finding::place;
use crate::generate::Case;
use crate::http::{Broken, Client, Request};

/// How many operations a credential is tried on before it counts as not working.
const TRIES: usize = 3;

impl Context<'_> {
    /// Fails when the run would prove nothing.
    pub(super) async fn preflight(&self) -> Result<(), Error> {
        match self.exchange(Request::new("GET", "/")).await {
            Err(Broken::Connect(reason)) => return Err(self.unreachable(reason).await),
            Err(Broken::Protocol(reason)) if self.speaks_other_scheme().await => {
                return Err(self.unreachable(reason).await);
            }
            Err(Broken::Silent(seconds)) if self.is_silent().await => {
                let reason = format!("it takes connections, and nothing came within {seconds} s");
                let remedy = "look why in its log; if it needs longer, --timeout gives it more".to_owned();
                return Err(Error::Unreachable { url: self.base.as_str().to_owned(), reason, remedy });
            }
            // Whatever else is wrong with an answer is for the checks to say.
            _ => {}
        }
        if self.credentials.provisioner().is_some() {
            return self.try_provisioner().await;
        }
        for role in [Role::Valid, Role::OtherOrganization, Role::ReadOnly] {
            for scheme in &self.document.security_schemes {
                self.try_credential(role, scheme).await?;
            }
        }
        Ok(())
    }

    /// Why there is no answer, and what to do about it.
    async fn unreachable(&self, reason: String) -> Error {
        let has = |part: &str| reason.contains(part);
        let remedy = if self.speaks_other_scheme().await {
            format!("it speaks the other scheme there: write {}", self.base.other_scheme().as_str())
        } else if has("lookup") || has("dns") {
            "no such name is known here: check the host of the URL".to_owned()
        } else if has("certificate") {
            "give the authority of its certificate: --ca FILE, or `ca` under [target]".to_owned()
        } else {
            "check that the server runs and that the URL is right".to_owned()
        };
        Error::Unreachable { url: self.base.as_str().to_owned(), reason, remedy }
    }

    /// Whether no operation is answered either, of those that are tried beside each other.
    async fn is_silent(&self) -> bool {
        let operations = self.document.operations.iter().filter(|operation| self.options.covers(&operation.id));
        let cases = operations.filter_map(|operation| self.blind(operation).ok()?.request(operation).ok());
        let asked = cases.filter(|request| request.method == "GET").take(TRIES).map(|request| self.exchange(request));
        join_all(asked).await.iter().all(|came| matches!(came, Err(Broken::Silent(_))))
    }

    /// Whether the server talks https where the URL says http, or the other way round.
    async fn speaks_other_scheme(&self) -> bool {
        let other = self.base.other_scheme();
        // A client of its own: the one for http knows no TLS.
        let Ok(client) = Client::new(&other, self.options.timeout, &self.options.authorities) else { return false };
        match client.send(&other, &Request::new("GET", "/")).await {
            Ok(_) => true,
            // Who shows a certificate speaks TLS, whether it is trusted or not.
            Err(Broken::Connect(reason)) => reason.contains("certificate"),
            Err(_) => false,
        }
    }

    /// A credential that the server's own provisioner has just made is right: if it is refused, that is a finding. If
    /// all are, by a target that does not know the principal either, it is a provisioner of another server.
    async fn try_provisioner(&self) -> Result<(), Error> {
        let mut refused = None;
        for scheme in &self.document.security_schemes {
            let is_tried = self.probes(scheme).next().is_some();
            match self.try_credential(Role::Valid, scheme).await {
                Err(error) => drop(refused.get_or_insert(error)),
                Ok(()) if is_tried => return Ok(()),
                Ok(()) => {}
            }
        }
        let Some(Error::Credential { scheme, operation, status, .. }) = refused else { return Ok(()) };
        if self.knows_principal().await {
            return Ok(());
        }
        let reason = format!("no credential that it makes works: {operation} answered {status} to that for `{scheme}`");
        Err(Error::Provision { reason })
    }

    /// Whether the target itself gives the principal a token for some scheme, so that it knows who that is.
    async fn knows_principal(&self) -> bool {
        for scheme in &self.document.security_schemes {
            let is_given = scheme.auth.acquire.is_some() || password_flow(scheme).or(client_flow(scheme)).is_some();
            if is_given && self.secret(Role::Valid, scheme).await.is_ok() {
                return true;
            }
        }
        false
    }

    async fn try_credential(&self, role: Role, scheme: &SecurityScheme) -> Result<(), Error> {
        let Some(principal) = self.credentials.principal(role) else { return Ok(()) };
        let is_given = principal.secrets.contains_key(&scheme.name);
        if !is_given && principal.login.is_none() && principal.client.is_none() {
            return Ok(());
        }
        // Who may read only may not read everything.
        let is_refusal = |status: u16| status == 401 || (status == 403 && role != Role::ReadOnly);
        let secret = match self.secret(role, scheme).await {
            Ok(secret) => secret,
            Err(Denied::Refused { status, .. }) => return Err(self.login_failed(role, scheme, status)),
            // A scheme that takes neither a login nor a client is no fault.
            Err(Denied::Other(_)) => return Ok(()),
        };
        let mut refusal = None;
        for operation in self.probes(scheme) {
            let Ok(case) = self.bare(operation, role) else { continue };
            let Ok(request) = case.request(operation) else { continue };
            match self.exchange(apply(scheme, &secret, request)).await {
                Ok(exchange) if is_refusal(exchange.answer.status) => {
                    refusal.get_or_insert((place(operation), exchange.answer.status));
                }
                _ => return Ok(()),
            }
        }
        match refusal {
            Some((operation, status)) => {
                Err(Error::Credential { scheme: scheme.name.clone(), role: role.to_string(), operation, status })
            }
            None => Ok(()),
        }
    }

    /// A login or a client that was given must work.
    fn login_failed(&self, role: Role, scheme: &SecurityScheme, status: u16) -> Error {
        let grants =
            |other: &&Operation| granting(self.document, other).is_some_and(|(granted, _)| granted.name == scheme.name);
        let acquire = scheme.auth.acquire.as_ref();
        let operation = match acquire.and_then(|acquire| self.document.operation(&acquire.operation_id)) {
            Some(operation) => Some(operation),
            None => self.document.operations.iter().find(grants),
        };
        let operation = operation.map(place).unwrap_or_default();
        Error::Credential { scheme: scheme.name.clone(), role: role.to_string(), operation, status }
    }

    /// Operations that only read and that `scheme` alone opens.
    fn probes(&self, scheme: &SecurityScheme) -> impl Iterator<Item = &Operation> {
        let opens = |operation: &&Operation| {
            operation
                .security
                .iter()
                .any(|alternative| alternative.len() == 1 && alternative.contains_key(&scheme.name))
        };
        let reads = self.document.operations.iter().filter(|operation| operation.method == "GET");
        reads.filter(opens).filter(|operation| !operation.is_public()).take(TRIES)
    }

    /// A case to knock with: the least that the operation asks for, about an object that need not be there.
    pub(crate) fn blind(&self, operation: &Operation) -> Result<Case, Stop> {
        let shape = self.shape(operation);
        let mut case = shape.minimal(self, operation);
        for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Path) {
            let given = self.given(operation, &parameter.name, Role::Valid).or_else(|| parameter.example.clone());
            let value = given.or_else(|| shape.sample(operation, &parameter.name, self.options.seed));
            let value = value.ok_or_else(|| Stop::Skip(format!("nothing tells a value of `{}`", parameter.name)))?;
            case.set(&parameter.name, Location::Path, value);
        }
        Ok(case)
    }

    /// A case that needs no other request to be made: the least that the operation asks for, and path arguments as far
    /// as the principal's parameters and the document's examples name them.
    pub(crate) fn bare(&self, operation: &Operation, role: Role) -> Result<Case, Stop> {
        let mut case = self.shape(operation).minimal(self, operation);
        for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Path) {
            let given = self.given(operation, &parameter.name, role);
            let value = given.or_else(|| parameter.example.clone());
            let value = value.ok_or_else(|| Stop::Skip(format!("nothing tells a value of `{}`", parameter.name)))?;
            case.set(&parameter.name, Location::Path, value);
        }
        Ok(case)
    }
}
