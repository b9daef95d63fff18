//! Node: a package of plain source over the package `bitting`, for ESM and CommonJS, with types for both.
//!
//! The code is written once, in CommonJS, and the ESM entry re-exports it: whoever mixes the two gets one instance. The
//! types stand in `.d.cts` files for the same reason.

mod client;
mod models;
mod naming;
mod package;
mod resource;
mod signature;
mod text;

use crate::{File, Generated, Surface};
use naming::Naming;

/// The client package of `surface`.
#[must_use]
pub fn generate(surface: &Surface<'_>) -> Generated {
    let naming = Naming::of(surface);
    let mut files = vec![
        package::manifest(surface, &naming),
        package::readme(surface, &naming),
        client::commonjs(&naming),
        client::module(&naming),
        client::types(surface, &naming),
        client::module_types(),
        models::types(surface),
    ];
    for (resource, name) in surface.resources.iter().zip(&naming.resources) {
        files.push(resource::commonjs(resource, name));
        files.push(resource::types(surface, resource, name));
    }
    files.push(package::table(surface));
    Generated { files, notes: Vec::new() }
}

fn file(path: &str, text: String) -> File {
    File { path: path.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use bitting_spec::Document;

    use super::*;

    const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Odd API, version: v1}
security: [{key: []}]
paths:
  /things/{class}/{options}:
    parameters:
      - {name: class, in: path, required: true, schema: {type: string}}
      - {name: options, in: path, required: true, schema: {type: string}}
    get:
      operationId: delete
      tags: [close]
      security: []
      parameters:
        - {name: class, in: query, schema: {type: string}, description: "ends */ early"}
        - {name: page, in: query, schema: {type: integer}}
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                type: object
                required: [items]
                properties: {items: {type: array, items: {$ref: '#/components/schemas/Close'}}}
        "403": {description: "no | never"}
    put:
      operationId: then
      tags: [close]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Close'}}}}
      responses: {"204": {description: done}}
    post:
      operationId: upload
      tags: [close]
      requestBody: {required: true, content: {image/png: {}}}
      responses: {"200": {description: ok, content: {text/csv: {schema: {type: string}}}}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key, x-auth: {env: {key: ODD_KEY}}}}
  schemas:
    Close:
      type: object
      required: [id, "a-b"]
      properties: {id: {type: string, readOnly: true}, a-b: {enum: [on, "o'ff"]}, more: {type: [number, "null"]}}
    Circle: {anyOf: [{$ref: '#/components/schemas/Round'}, {type: string}]}
    Round: {$ref: '#/components/schemas/Circle'}
    Tree: {type: array, items: {$ref: '#/components/schemas/Tree'}}
"##;

    fn generated() -> Vec<File> {
        let document = Document::parse("odd.yaml", DOCUMENT).expect("a document");
        generate(&Surface::of(&document, "odd")).files
    }

    fn text<'a>(files: &'a [File], path: &str) -> &'a str {
        &files.iter().find(|file| file.path == path).expect(path).text
    }

    /// Names that JavaScript, the runtime or another part of the document has already are given way to.
    #[test]
    fn names_keep_out_of_each_others_way() {
        let files = generated();
        let code = text(&files, "resources/close.cjs");
        assert!(code.contains("class CloseResource extends Resource"), "{code}");
        assert!(code.contains("delete(class_, options_, params, options) {"), "{code}");
        assert!(code.contains("params: { class2: 'query:class', page: 'page' }"), "{code}");
        assert!(code.contains("{ 'path:class': class_, options: options_ }"), "{code}");
        assert!(code.contains("then_(class_, options_, body, options) {"), "{code}");
        assert!(text(&files, "index.cjs").contains("get close2() {"));
        assert!(text(&files, "index.mjs").ends_with("export { Odd, CloseResource } from './index.cjs';\n"));
    }

    /// The types say what is paged, what need not be sent, and that enums stay open.
    #[test]
    fn types_say_what_the_document_says() {
        let files = generated();
        let types = text(&files, "resources/close.d.cts");
        assert!(types.contains("): PagePromise<models.DeleteResponse, models.Close>;"), "{types}");
        assert!(
            types.contains("body: Omit<models.Close, 'id'>, options?: RequestOptions): APIPromise<void>;"),
            "{types}"
        );
        assert!(types.contains("body: import('bitting').Binary"), "{types}");
        assert!(types.contains("/** ends *\\/ early */"), "{types}");
        assert!(types.contains("Public: no credential is sent.") && types.contains("Credential: key."), "{types}");
        assert!(types.contains("@throws {PermissionDeniedError} 403: no | never"), "{types}");
        let models = text(&files, "models.d.cts");
        assert!(models.contains("  readonly id: string;\n  'a-b': CloseAB;\n  more?: number | null;\n"), "{models}");
        assert!(models.contains("export type CloseAB = 'on' | 'o\\'ff' | (string & {});"), "{models}");
        assert!(models.contains("Circle = unknown;") && models.contains("Round = unknown;"), "{models}");
        assert!(models.contains("Tree = Tree[];"), "{models}");
    }

    /// Answers and bodies that are no JSON are handed over as what they are.
    #[test]
    fn text_and_bytes_are_no_json() {
        let files = generated();
        let code = text(&files, "resources/close.cjs");
        assert!(code.contains("answer: 'text', body: 'raw', mediaType: 'image/png'"), "{code}");
        assert!(code.contains("id: 'then', index: 1, answer: 'empty', body: 'json' }"), "{code}");
    }

    #[test]
    fn every_source_file_says_what_made_it() {
        let files = generated();
        let sources: Vec<&File> =
            files.iter().filter(|file| file.path.ends_with("js") || file.path.ends_with("ts")).collect();
        assert_eq!(sources.len(), 7);
        assert!(sources.iter().all(|file| file.text.starts_with("// Generated by `bitting generate`; do not edit.\n")));
        assert!(text(&files, "package.json").contains("\"version\": \"0.1.0\""));
        assert!(text(&files, "README.md").contains("`ODD_KEY`"));
    }
}
