//! From method and path to the operation: 404 for a path that no template has, 405 with `Allow` for a method.

use std::borrow::Cow;

use bitting_spec::{Document, path_of};
use http::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::StartError;

/// Finds operations.
#[derive(Debug)]
pub(crate) struct Routes {
    router: Router<usize>,
    /// Templates that only differ in what stands beside their parameters share one route.
    places: Vec<Vec<Template>>,
    /// Paths of the document's servers: a client may call `/v1/things` where the template is `/things`.
    prefixes: Vec<String>,
}

#[derive(Debug)]
struct Template {
    path: String,
    segments: Vec<Vec<Piece>>,
    methods: Vec<(Method, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Parameter(String),
}

/// Path parameters, by name, as they came over the wire.
pub(crate) type Parameters<'r> = Vec<(&'r str, &'r str)>;

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Routed<'r> {
    /// To an operation, with its path parameters as they came over the wire.
    Found { operation: usize, parameters: Parameters<'r> },
    /// To a path that does not have the method.
    WrongMethod { allowed: Vec<Method> },
    /// Nowhere.
    NotFound,
}

impl Routes {
    /// The routes of a document.
    pub(crate) fn new(document: &Document) -> Result<Self, StartError> {
        let mut routes = Self { router: Router::new(), places: Vec::new(), prefixes: prefixes(document) };
        for (index, operation) in document.operations.iter().enumerate() {
            let fault = |message: String| {
                let bitting_spec::Place { file, line } = document.place(&operation.pointer);
                StartError::Path { file: file.to_owned(), line, path: operation.path.clone(), message }
            };
            let method = Method::from_bytes(operation.method.as_bytes()).map_err(|error| fault(error.to_string()))?;
            routes.insert(&operation.path, method, index).map_err(fault)?;
        }
        for place in &mut routes.places {
            // The template with more text in it is the more exact one.
            place.sort_by_key(|template| {
                std::cmp::Reverse(template.path.split(['{', '}']).step_by(2).map(str::len).sum::<usize>())
            });
        }
        Ok(routes)
    }

    fn insert(&mut self, path: &str, method: Method, operation: usize) -> Result<(), String> {
        let segments: Vec<Vec<Piece>> = path.split('/').map(pieces).collect();
        let is_open = |pieces: &[Piece]| pieces.iter().any(|piece| matches!(piece, Piece::Parameter(_)));
        let names = segments.iter().zip(path.split('/')).enumerate();
        let key: Vec<String> = names
            .map(|(index, (pieces, text))| if is_open(pieces) { format!("{{p{index}}}") } else { text.to_owned() })
            .collect();
        let key = key.join("/");
        let place = match self.router.at(&key.replace(['{', '}'], "")) {
            Ok(found) if self.places[*found.value][0].key() == key => *found.value,
            _ => {
                self.router.insert(key, self.places.len()).map_err(|error| error.to_string())?;
                self.places.push(Vec::new());
                self.places.len() - 1
            }
        };
        let place = &mut self.places[place];
        match place.iter_mut().find(|template| template.path == path) {
            Some(template) => template.methods.push((method, operation)),
            None => place.push(Template { path: path.to_owned(), segments, methods: vec![(method, operation)] }),
        }
        Ok(())
    }

    /// Where `method` and `path` lead. `HEAD` is answered as `GET` is (RFC 9110, 9.3.2).
    pub(crate) fn find<'r>(&'r self, method: &Method, path: &'r str) -> Routed<'r> {
        let stripped = self.prefixes.iter().filter_map(|prefix| path.strip_prefix(prefix.as_str()));
        let candidates = std::iter::once(path).chain(stripped.filter(|rest| rest.starts_with('/')));
        candidates
            .map(|path| self.at(method, path))
            .find(|routed| *routed != Routed::NotFound)
            .unwrap_or(Routed::NotFound)
    }

    fn at<'r>(&'r self, method: &Method, path: &'r str) -> Routed<'r> {
        let Ok(found) = self.router.at(path) else { return Routed::NotFound };
        let templates = self.places[*found.value].iter();
        // Documents write one path under several names of its parameters, each with methods of its own.
        let mut others: Vec<Method> = Vec::new();
        for template in templates {
            let Some(parameters) = template.parameters(path) else { continue };
            let wanted = |wanted: &Method| template.methods.iter().find(|(method, _)| method == wanted);
            let head = || wanted(&Method::GET).filter(|_| method == Method::HEAD);
            if let Some((_, operation)) = wanted(method).or_else(head) {
                return Routed::Found { operation: *operation, parameters };
            }
            others.extend(template.methods.iter().map(|(method, _)| method.clone()));
        }
        if others.is_empty() { Routed::NotFound } else { Routed::WrongMethod { allowed: allowed(others) } }
    }
}

impl Template {
    fn key(&self) -> String {
        let segments = self.path.split('/').enumerate();
        let keys =
            segments.map(|(index, text)| if text.contains('{') { format!("{{p{index}}}") } else { text.to_owned() });
        keys.collect::<Vec<_>>().join("/")
    }

    /// The parameters of `path`, if it is of this template.
    fn parameters<'r>(&'r self, path: &'r str) -> Option<Parameters<'r>> {
        let mut found = Vec::new();
        for (pieces, text) in self.segments.iter().zip(path.split('/')) {
            capture(pieces, text, &mut found)?;
        }
        Some(found)
    }
}

/// The methods of a path, with those that every one has.
fn allowed(mut methods: Vec<Method>) -> Vec<Method> {
    let has_get = methods.contains(&Method::GET);
    for (method, is_had) in [(Method::HEAD, has_get), (Method::OPTIONS, true)] {
        if is_had && !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}

/// The parts of a template's segment: `report-{id}.{format}` has four.
fn pieces(segment: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Parameter(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

fn capture<'r>(pieces: &'r [Piece], text: &'r str, found: &mut Parameters<'r>) -> Option<()> {
    let Some((piece, after)) = pieces.split_first() else { return text.is_empty().then_some(()) };
    match piece {
        Piece::Text(literal) => capture(after, text.strip_prefix(literal.as_str())?, found),
        Piece::Parameter(name) => {
            let end = match after.first() {
                Some(Piece::Text(literal)) => text.rfind(literal.as_str())?,
                _ => text.len(),
            };
            if end == 0 {
                return None;
            }
            found.push((name, &text[..end]));
            capture(after, &text[end..], found)
        }
    }
}

/// A path parameter's text without its percent-encoding, for looking things up.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn prefixes(document: &Document) -> Vec<String> {
    let paths = document.servers.iter().map(|server| path_of(&server.url));
    paths.filter(|path| !path.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Routes {
        let items: Vec<String> =
            paths.iter().map(|path| format!("{path:?}: {{\"get\": {{\"responses\": {{}}}}}}")).collect();
        let text = format!(
            r#"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1"}},
               "servers": [{{"url": "https://example.com/v1/"}}], "paths": {{{}}}}}"#,
            items.join(",")
        );
        Routes::new(&Document::parse("t.json", &text).unwrap()).unwrap()
    }

    fn found(routes: &Routes, path: &str) -> Option<(usize, Vec<String>)> {
        match routes.find(&Method::GET, path) {
            Routed::Found { operation, parameters } => {
                Some((operation, parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect()))
            }
            _ => None,
        }
    }

    #[test]
    fn names_of_parameters_do_not_collide_and_text_wins() {
        let routes = routes(&["/a/{x}", "/a/{y}/b", "/a/mine", "/f/{name}.{format}", "/f/{name}", "/t/", "/t"]);
        assert_eq!(found(&routes, "/a/1"), Some((0, vec!["x=1".into()])));
        assert_eq!(found(&routes, "/a/1/b"), Some((1, vec!["y=1".into()])));
        assert_eq!(found(&routes, "/a/mine"), Some((2, vec![])));
        assert_eq!(found(&routes, "/f/my.file.csv"), Some((3, vec!["name=my.file".into(), "format=csv".into()])));
        assert_eq!(found(&routes, "/f/plain"), Some((4, vec!["name=plain".into()])));
        assert_eq!(found(&routes, "/t/").map(|found| found.0), Some(5));
        assert_eq!(found(&routes, "/v1/t").map(|found| found.0), Some(6));
        assert_eq!(found(&routes, "/a/"), None);
        assert_eq!(found(&routes, "//a/1"), None);
    }

    #[test]
    fn one_path_may_stand_under_several_names() {
        let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
            "/a/{slug}": {"get": {"responses": {}}}, "/a/{id}": {"put": {"responses": {}}, "delete": {"responses": {}}}}}"#;
        let routes = Routes::new(&Document::parse("t.json", text).unwrap()).unwrap();
        let put = Routed::Found { operation: 1, parameters: vec![("id", "1")] };
        assert_eq!(routes.find(&Method::PUT, "/a/1"), put);
        assert_eq!(found(&routes, "/a/1"), Some((0, vec!["slug=1".into()])));
        let Routed::WrongMethod { allowed } = routes.find(&Method::POST, "/a/1") else { panic!("there is no POST") };
        assert!([Method::GET, Method::PUT, Method::DELETE].iter().all(|method| allowed.contains(method)));
    }

    #[test]
    fn other_methods_are_told_apart_from_other_paths() {
        let routes = routes(&["/a"]);
        assert_eq!(routes.find(&Method::POST, "/b"), Routed::NotFound);
        let allowed = vec![Method::GET, Method::HEAD, Method::OPTIONS];
        assert_eq!(routes.find(&Method::POST, "/a"), Routed::WrongMethod { allowed });
        assert!(matches!(routes.find(&Method::HEAD, "/a"), Routed::Found { .. }));
    }
}
