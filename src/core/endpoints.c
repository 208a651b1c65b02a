/* core/endpoints.c: the table, a row a call, in the order of the API's documentation ("Verified Business APIs", 2026). */
#include "core/endpoints.h"

#include <string.h>

#define C "/clients/{client}"
#define V2 "/v2/clients/{client}"
#define V3 "/v3/clients/{client}"
#define NM C "/number_management"

/* Row 10, the webhooks, is the one that the service calls: see lua/tcb/inbox. `other` is client:request, for calls that
   have no row. A token counts against `mint` from the moment its request starts. v1 pushes count as pushes: no page gives
   them a limit of their own. */
const tcb_endpoint tcb_endpoints[] = {
  /* row, name, method, path, query, limit, records, repeatable, after a 404, replaced by */
  {1, "token", "POST", C "/token", "", "mint", 0, 1, NULL, NULL},
  {2, "labels", "GET", C "/labels", "page limit", "", 0, 1, NULL, NULL},
  {3, "personalise", "POST", V2 "/dynamic_call_record", "", "personalise", 1, 0, NULL, NULL},
  {4, "push", "POST", V2 "/dynamic_call_records", "", "push", 500, 0, NULL, NULL},
  {5, "status", "GET", V3 "/dynamic_call_records", "batchId", "", 0, 1, V2 "/dynamic_call_records", NULL},
  {6, "feature_sets", "GET", NM "/feature_sets", "department_id operation_id process_id limit page", "", 0, 1, NULL, NULL},
  {7, "numbers", "GET", NM "/numbers", "department_id operation_id process_id feature_set_id limit page", "", 0, 1, NULL, NULL},
  {8, "publish", "POST", NM "/feature_sets/{feature_set}/numbers/publish", "", "", 10000, 1, NULL, NULL},
  {9, "delist", "POST", NM "/feature_sets/{feature_set}/numbers/delist", "", "", 10000, 1, NULL, NULL},
  {11, "v1_personalise", "POST", C "/dynamic_call_record", "", "personalise", 1, 0, NULL, "client:personalise"},
  {12, "v1_push", "POST", C "/dynamic_call_records", "", "push", 500, 0, NULL, "client:push"},
  {13, "v1_status", "GET", C "/dynamic_call_records", "batchId", "", 0, 1, NULL, "batch:status"},
  {14, "feedback_log", "GET", C "/openapi/feedback_stack/{survey}/export_report", "from_date", "", 0, 1, NULL,
   "the user_feedback webhook (tcb.listen)"},
  {15, "cmb_log", "GET", C "/openapi/callback-logs/summary", "from to", "", 0, 1, NULL, "the cmb webhook (tcb.listen)"},
  {0, "other", NULL, NULL, "", "", 0, 0, NULL, NULL},
};

_Static_assert(sizeof tcb_endpoints / sizeof *tcb_endpoints == TCB_CALL_COUNT, "a row for each call, in the order of tcb_call");

tcb_call tcb_call_find(const char *name) {
  int call = 0;
  while (call < TCB_CALL_COUNT && strcmp(tcb_endpoints[call].name, name) != 0) call++;
  return (tcb_call)call;
}
