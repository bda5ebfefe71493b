/** The same request in three languages. Pure. */

export type Sample = readonly [language: string, text: string];

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
