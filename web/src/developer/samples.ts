/** Requests as a program would send them. Pure. */

export type Sample = readonly [language: string, text: string];

/** How an app that keeps a secret gets its token. */
export function tokenSample(origin: string, clientId: string): string {
  return `TOKEN=$(curl -s -u '${clientId}:CLIENT_SECRET' -d grant_type=client_credentials \\\n  ${origin}/oauth/token | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')`;
}

/** The same request in three languages. */
export function samplesFor(origin: string, path: string): readonly Sample[] {
  const url = origin + path;
  return [
    ["curl", `curl -H "Authorization: Bearer $TOKEN" '${url.replaceAll("'", "%27")}'`],
    [
      "Python",
      `import httpx\n\nanswer = httpx.get(\n    ${JSON.stringify(url)},\n    headers={"Authorization": f"Bearer {token}"},\n)\nanswer.raise_for_status()\nprint(answer.json())`,
    ],
    [
      "JavaScript",
      `const answer = await fetch(${JSON.stringify(url)}, {\n  headers: { Authorization: \`Bearer \${token}\` },\n});\nif (!answer.ok) throw new Error(await answer.text());\nconsole.log(await answer.json());`,
    ],
  ];
}
