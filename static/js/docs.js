// The page of the REST API: Swagger UI on this server's own description.
/** @type {any} */ (globalThis).SwaggerUIBundle({
  url: document.querySelector('#swagger-ui')?.getAttribute('data-openapi'),
  dom_id: '#swagger-ui',
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
