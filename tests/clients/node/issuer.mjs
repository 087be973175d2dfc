// An authorization server for the client tests: oidc-provider, certified for OpenID Connect. Accounts exist once somebody logs
// in, and tokens are for whatever server a client names. Its first line says where it is.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const SCOPES = "tools:read tools:write";

let answer;
const http = createServer((request, response) => answer(request, response));
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
