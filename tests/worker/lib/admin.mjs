// The admin API of a Worker under test.

/** The token that tests set as NEARHIT_ADMIN_TOKEN. */
export const ADMIN = "test-admin-token";

/**
 * Calls `/admin/v1/{route}`.
 * @param {{url: string}} worker
 * @returns {Promise<{status: number, json: any, text: string}>}
 */
export async function admin(worker, method, route, body, token = ADMIN) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(`${worker.url}/admin/v1/${route}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, json: text ? JSON.parse(text) : undefined, text };
}
