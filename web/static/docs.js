// Draws the API's document with Swagger UI. Everything comes from this server, and nothing is sent anywhere else.
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
follow();
dark.addEventListener('change', follow);

// A browser sends the session by itself, and no script can set it: what is left to fill in is a key.
function withoutSession(spec) {
  const { session: _, ...securitySchemes } = spec.components.securitySchemes;
  for (const path of Object.values(spec.paths))
    for (const operation of Object.values(path))
      if (Array.isArray(operation?.security))
        operation.security = operation.security.filter((one) => !('session' in one));
  return { ...spec, components: { ...spec.components, securitySchemes } };
}

const answer = await fetch('/openapi.json');
const spec = withoutSession(await answer.json());
// "Try it out" asks the address that this page came from, whatever name it has.
spec.servers = [{ url: location.origin }];

globalThis.SwaggerUIBundle({
  domNode: document.querySelector('#docs'),
  spec,
  // With it every row is a link within a button, which assistive technology cannot tell apart.
  deepLinking: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
});
