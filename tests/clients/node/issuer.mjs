// An authorization server for the client tests: oidc-provider, certified for OpenID Connect. Accounts exist once somebody logs
// in, and tokens are for whatever server a client names. Its first line says where it is.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import Provider from "oidc-provider";

const SCOPES = "tools:read tools:write";

let answer;
const http = createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/reg") {
    // Clients register with the scope of their first challenge, and this issuer would hold them to it for ever.
    const { scope, ...metadata } = await json(request);
    request.body = metadata;
  }
  answer(request, response);
});
// A connection that is closed just when a client uses it again looks like a failure.
http.keepAliveTimeout = 300_000;
http.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${http.address().port}`;
  const provider = new Provider(issuer, {
    scopes: ["openid", "offline_access", ...SCOPES.split(" ")],
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (context, resource) => ({
          scope: SCOPES,
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  answer = provider.callback();
  console.log(JSON.stringify({ issuer }));
});
