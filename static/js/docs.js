// The page of the REST API: Swagger UI on this server's own description.
/** @type {any} */ (globalThis).SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
