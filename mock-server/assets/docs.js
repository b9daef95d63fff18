// Starts Swagger UI on the served document. Nothing goes elsewhere: no validator, and the server is this one.
SwaggerUIBundle({
  url: '/docs/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  oauth2RedirectUrl: `${location.origin}/docs/oauth2-redirect.html`,
  presets: [SwaggerUIBundle.presets.apis],
});
