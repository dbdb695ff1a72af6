// The Sirene registry application's side of the contract, with java.net.http and nothing else. One line a check; stops at
// the first mismatch with exit status 1.
//   javac SireneClient.java && java SireneClient BASE_URL [USER PASSWORD]
// Letters with accents are written as escapes, so that no locale can change what is sent.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

final class SireneClient {
    // What a day of the registry looks like: covariates as numbers, strings, "NaN" and null, a cj no model has seen (7210),
    // and a field that is not in the contract, which must be ignored.
    private static final List<String> FORMS = List.of(
            """
            {"description_activity":"coiffure \u00e0 domicile","type_form":"M","nature":"12","surface":3000.5,"cj":"1000"}""",
            """
            {"description_activity":"boulangerie p\u00e2tisserie artisanale","other_nature_activity":"vente de pain",
             "type_form":"C","nature":"10","surface":"80","cj":"5499","activity_permanence_status":"P"}""",
            """
            {"description_activity":"LOUEUR MEUBLE NON PROFESSIONNEL","precision_act_sec_agricole":null,"type_form":"I",
             "nature":null,"surface":"NaN","cj":"7210","activity_permanence_status":"NaN","channel":"guichet"}""");
    private static final Set<String> PREDICTION = Set.of("code", "probabilite", "libelle");
    private static final String TYPE_FORMS = "A B C D E G I L M N NaN P R S X Y Z"; // sorted, as the message lists them
    private static final Object ANY = new Object();

    // As the application builds it: the default client, one pool for all requests, which offers an upgrade to h2c with each
    // request on a new connection. The server may decline; it must answer all the same.
    private final HttpClient client = HttpClient.newHttpClient();
    private final String base;
    private final String authorization;

    private SireneClient(String base, String authorization) {
        this.base = base;
        this.authorization = authorization;
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1 && arguments.length != 3) {
            System.err.println("usage: java SireneClient BASE_URL [USER PASSWORD]");
            System.exit(2);
        }
        String authorization = arguments.length == 3 ? basic(arguments[1], arguments[2]) : null;
        try {
            new SireneClient(arguments[0].replaceAll("/+$", ""), authorization).run();
        } catch (Exception failure) {
            System.err.println("MISMATCH " + (failure instanceof Mismatch ? failure.getMessage() : failure));
            System.exit(1);
        }
    }

    private void run() throws Exception {
        // A POST with a body comes first: the hardest request to offer an upgrade with.
        if (authorization != null) credentialsAreAskedFor();
        List<Coding> codings = formsAreCoded();
        ranksAreChosen(codings.get(0));
        faultsAreNamed();
        modelIsNamed(codings.get(0));
        aDayIsCoded(codings);
    }

    private void credentialsAreAskedFor() throws Exception {
        String wrong = basic("sirene", "not the password");
        for (String header : new String[] {null, wrong}) {
            for (HttpResponse<String> answer : List.of(post("/predict/", body(FORMS), header), get("/", header))) {
                String where = answer.request().method() + " " + answer.uri().getPath();
                expect(where + " without valid credentials, status", 401, answer.statusCode());
                String challenge = answer.headers().firstValue("WWW-Authenticate").orElse("none");
                expectThat(challenge.matches("(?i)Basic\\b.*"), where + ": a WWW-Authenticate header for Basic", challenge);
                Map<?, ?> problem = object(json(answer), where);
                expect(where + ", keys of the 401", Set.of("detail"), problem.keySet());
                expectThat(problem.get("detail") instanceof String, where + ": a string as detail", problem);
            }
        }
        done("no credentials, or a wrong password: 401 with WWW-Authenticate and a detail");
    }

    private List<Coding> formsAreCoded() throws Exception {
        HttpResponse<String> answer = post("/predict/", body(FORMS), authorization);
        List<Coding> codings = codings(answer, FORMS.size());
        expect("distinct first codes", FORMS.size(), (int) codings.stream().map(Coding::best).distinct().count());
        done("POST /predict/: a coding per form, no unknown key (" + answer.version() + ")");

        boolean precise = codings.stream().flatMap(coding -> coding.probabilities.stream())
                .anyMatch(probability -> Math.abs(probability * 100 - Math.rint(probability * 100)) > 1e-6);
        expectThat(precise, "probabilities in full precision", answer.body());
        done("probabilities are not rounded");

        List<String> reversed = List.of(FORMS.get(2), FORMS.get(1), FORMS.get(0));
        List<Coding> turned = codings(post("/predict/", body(reversed), authorization), reversed.size());
        for (int i = 0; i < FORMS.size(); i++) expectSame("form " + i + ", sent in reverse", codings.get(i), turned.get(2 - i));
        done("codings come in the order of the forms");

        List<Coding> bare = codings(post("/predict", body(FORMS), authorization), FORMS.size());
        expectSame("POST /predict", codings.get(0), bare.get(0));
        done("POST /predict: the same, without a redirect");

        expect("codings of no form", List.of(), json(expectStatus(200, post("/predict/", "{\"forms\":[]}", authorization))));
        done("no form: an empty list");

        String longForm = "{\"description_activity\":\"" + "r\u00e9paration de v\u00e9los ".repeat(1000) + "\"}";
        codings(post("/predict/", body(List.of(longForm)), authorization), 1);
        done("a text of 20,000 characters is coded");
        return codings;
    }

    private void ranksAreChosen(Coding usual) throws Exception {
        Coding one = chosen("nb_echos_max=1");
        expect("ranks with nb_echos_max=1", 1, one.codes.size());
        expectClose("IC with nb_echos_max=1", usual.gap, one.gap);
        done("nb_echos_max=1: one rank, the same IC");

        Coding all = chosen("nb_echos_max=100000&prob_min=0&num_workers=4&batch_size=64");
        expectThat(all.codes.size() > 5, "more than 5 ranks with nb_echos_max=100000", all.codes.size());
        done("nb_echos_max=100000: clamped to the " + all.codes.size() + " classes; num_workers and batch_size are accepted");

        double between = (all.probabilities.get(0) + all.probabilities.get(1)) / 2;
        Coding first = chosen("prob_min=" + between);
        expect("codes with prob_min=" + between, List.of(usual.best()), first.codes);
        expectClose("IC with prob_min=" + between, usual.gap, first.gap);
        done("prob_min between the first two: the first alone, the same IC");

        Coding none = chosen("prob_min=1");
        expect("codes with prob_min=1", List.of(), none.codes);
        expectClose("IC with prob_min=1", usual.gap, none.gap);
        done("prob_min above all: IC and MLversion alone");
    }

    private void faultsAreNamed() throws Exception {
        String good = FORMS.get(0);
        refused("", body(List.of(
                        form("\"type_form\":\"Q\",\"nature\":\"1\",\"cj\":\"54\",\"activity_permanence_status\":\"T\""),
                        good,
                        form("\"surface\":-1"),
                        "{\"nature\":\"12\"}")),
                new Fault("value_error", at(0, "type_form"),
                        "Value error, Invalid type_form 'Q', must be one of " + set(TYPE_FORMS), "Q"),
                new Fault("value_error", at(0, "nature"), "Value error, nature must be a two-digit number (e.g., '01')", "1"),
                new Fault("value_error", at(0, "cj"), "Value error, cj must be a 4-digit number (e.g., '5499')", "54"),
                new Fault("value_error", at(0, "activity_permanence_status"),
                        "Value error, Invalid permanence status 'T', must be one of " + set("NaN P S"), "T"),
                new Fault("greater_than", at(2, "surface"), "Input should be greater than 0", -1.0),
                new Fault("missing", at(3, "description_activity"), "Field required", ANY));
        done("422: one entry per fault, in order");

        refused("", body(List.of(form("").replace("atelier", ""), good, good, form("").replace("atelier", " "))),
                new Fault("value_error", List.of("body"),
                        "Value error, The description_activity is missing at indices: (0, 3)", ANY));
        done("422: blank descriptions are named together");

        refused("", body(List.of(form("\"surface\":\"grand\""))), new Fault("float_parsing", at(0, "surface"), null, "grand"));
        refused("?prob_min=haut", body(FORMS), new Fault("float_parsing", List.of("query", "prob_min"), null, "haut"));
        done("422: what is not a number");

        refused("?nb_echos_max=0", body(FORMS), new Fault("greater_than_equal", List.of("query", "nb_echos_max"),
                "Input should be greater than or equal to 1", ANY));
        done("422: nb_echos_max below 1");

        refused("", "{\"forms\":[", new Fault("json_invalid", null, null, ANY));
        done("422: a body that is not JSON");
    }

    private void modelIsNamed(Coding usual) throws Exception {
        Map<?, ?> welcome = object(json(expectStatus(200, get("/", authorization))), "GET /");
        expect("keys of GET /", Set.of("Message", "Model_name", "Model_version"), welcome.keySet());
        expect("Message of GET /", "Codification de l'APE", welcome.get("Message"));
        expect("MLversion", welcome.get("Model_name") + "/" + welcome.get("Model_version"), usual.version);
        done("GET /: " + usual.version);
    }

    private void aDayIsCoded(List<Coding> codings) throws Exception {
        int count = 2000;
        String day = body(IntStream.range(0, count).mapToObj(i -> FORMS.get(i % FORMS.size())).toList());
        List<Coding> found = codings(post("/predict/", day, authorization), count);
        for (int i = 0; i < count; i++) expectSame("form " + i + " of " + count, codings.get(i % FORMS.size()), found.get(i));
        done(count + " forms in one request: all coded, in order");
    }

    /** One form's coding, read as the application reads it: any key that it does not know is refused. */
    private static final class Coding {
        final List<String> codes = new ArrayList<>();
        final List<Double> probabilities = new ArrayList<>();
        final double gap;
        final String version;

        Coding(Object value, String where) {
            Map<?, ?> fields = object(value, where);
            Set<String> unread = new TreeSet<>();
            fields.keySet().forEach(key -> unread.add((String) key));
            for (int rank = 1; unread.remove(String.valueOf(rank)); rank++) {
                String at = where + ", rank " + rank;
                Map<?, ?> prediction = object(fields.get(String.valueOf(rank)), at);
                expect(at + ", keys", PREDICTION, prediction.keySet());
                expectThat(prediction.get("code") instanceof String code && code.matches("\\d{4}[A-Z]") && !codes.contains(code),
                        at + ": a compact code, once", prediction);
                expectThat(prediction.get("libelle") instanceof String title && !title.isBlank(), at + ": a title", prediction);
                double most = rank == 1 ? 1 : probabilities.get(rank - 2);
                double probability = number(prediction.get("probabilite"), at + ", probabilite");
                expectThat(probability >= 0 && probability <= most, at + ": a probability from 0 to " + most, probability);
                codes.add((String) prediction.get("code"));
                probabilities.add(probability);
            }
            expect(where + ", keys beside the ranks \"1\" to \"n\"", Set.of("IC", "MLversion"), unread);
            gap = number(fields.get("IC"), where + ", IC");
            expectThat(gap >= 0 && gap <= 1, where + ": an IC from 0 to 1", gap);
            if (codes.size() > 1) expectClose(where + ", IC", probabilities.get(0) - probabilities.get(1), gap);
            expectThat(fields.get("MLversion") instanceof String name && name.matches("[^/]+/[^/]+"),
                    where + ": MLversion as model/version", fields.get("MLversion"));
            version = (String) fields.get("MLversion");
        }

        String best() {
            expectThat(!codes.isEmpty(), "at least one code", codes);
            return codes.get(0);
        }
    }

    /** An entry of a 422's detail; a null `loc` or `msg` and an `input` of ANY may hold anything of the right type. */
    private record Fault(String type, List<?> loc, String msg, Object input) {}

    private void refused(String query, String body, Fault... faults) throws Exception {
        HttpResponse<String> answer = expectStatus(422, post("/predict/" + query, body, authorization));
        Map<?, ?> problem = object(json(answer), "the 422");
        expect("keys of the 422", Set.of("detail"), problem.keySet());
        List<?> entries = list(problem.get("detail"), "detail of the 422");
        expect("number of faults in " + entries, faults.length, entries.size());
        for (int i = 0; i < faults.length; i++) {
            String where = "fault " + i;
            Map<?, ?> entry = object(entries.get(i), where);
            expect(where + ", keys", Set.of("type", "loc", "msg", "input"), entry.keySet());
            expect(where + ", type", faults[i].type, entry.get("type"));
            List<?> loc = list(entry.get("loc"), where + ", loc");
            if (faults[i].loc != null) expect(where + ", loc", faults[i].loc, loc);
            else expectThat(loc.size() == 2 && loc.get(0).equals("body") && loc.get(1) instanceof Double,
                    where + ": [\"body\", position] as loc", loc);
            if (faults[i].msg != null) expect(where + ", msg", faults[i].msg, entry.get("msg"));
            else expectThat(entry.get("msg") instanceof String, where + ": a string as msg", entry.get("msg"));
            if (faults[i].input != ANY) expect(where + ", input", faults[i].input, entry.get("input"));
        }
    }

    private Coding chosen(String query) throws Exception {
        return codings(post("/predict/?" + query, body(FORMS.subList(0, 1)), authorization), 1).get(0);
    }

    private static List<Coding> codings(HttpResponse<String> answer, int count) {
        List<?> values = list(json(expectStatus(200, answer)), "the answer");
        expect("number of codings", count, values.size());
        List<Coding> codings = new ArrayList<>();
        for (Object value : values) codings.add(new Coding(value, "form " + codings.size()));
        return codings;
    }

    private static String body(List<String> forms) {
        return "{\"forms\":[" + String.join(",", forms) + "]}";
    }

    private static String form(String fields) {
        return "{\"description_activity\":\"atelier\"" + (fields.isEmpty() ? "" : ",") + fields + "}";
    }

    private static List<?> at(double form, String field) {
        return List.of("body", "forms", form, field);
    }

    private static String set(String values) {
        return Arrays.stream(values.split(" ")).map(value -> "'" + value + "'").collect(Collectors.joining(", ", "{", "}"));
    }

    private static String basic(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    private HttpResponse<String> post(String path, String body, String authorization) throws Exception {
        return send(HttpRequest.newBuilder().header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)), path, authorization);
    }

    private HttpResponse<String> get(String path, String authorization) throws Exception {
        return send(HttpRequest.newBuilder().header("Accept", "application/json").GET(), path, authorization);
    }

    private HttpResponse<String> send(HttpRequest.Builder request, String path, String authorization) throws Exception {
        if (authorization != null) request.header("Authorization", authorization);
        HttpRequest built = request.uri(URI.create(base + path)).timeout(Duration.ofMinutes(1)).build();
        return client.send(built, HttpResponse.BodyHandlers.ofString());
    }

    private static HttpResponse<String> expectStatus(int status, HttpResponse<String> answer) {
        String where = answer.request().method() + " " + answer.uri();
        expectThat(answer.statusCode() == status, where + ": status " + status, answer.statusCode() + " " + answer.body());
        return answer;
    }

    private static Object json(HttpResponse<String> answer) {
        String type = answer.headers().firstValue("Content-Type").orElse("none");
        expectThat(type.startsWith("application/json"), answer.uri() + ": application/json", type);
        return JsonReader.read(answer.body());
    }

    private static Map<?, ?> object(Object value, String where) {
        expectThat(value instanceof Map, where + ": an object", value);
        return (Map<?, ?>) value;
    }

    private static List<?> list(Object value, String where) {
        expectThat(value instanceof List, where + ": a list", value);
        return (List<?>) value;
    }

    private static double number(Object value, String where) {
        expectThat(value instanceof Double, where + ": a number", value);
        return (Double) value;
    }

    private static void expectSame(String what, Coding wanted, Coding found) {
        expect(what + ", codes", wanted.codes, found.codes);
        expectClose(what + ", IC", wanted.gap, found.gap);
    }

    /** Equal but for what single precision loses when forms are coded together with others. */
    private static void expectClose(String what, double wanted, double found) {
        expectThat(Math.abs(wanted - found) < 1e-5, what + ": " + wanted, found);
    }

    private static void expect(String what, Object wanted, Object found) {
        expectThat(wanted.equals(found), what + ": " + wanted, found);
    }

    private static void expectThat(boolean holds, String wanted, Object found) {
        if (!holds) throw new Mismatch("expected " + wanted + "; found " + found);
    }

    private static void done(String check) {
        System.out.println("ok  " + check);
    }

    private static final class Mismatch extends RuntimeException {
        private static final long serialVersionUID = 1;

        Mismatch(String message) {
            super(message);
        }
    }

    /** A strict JSON reader: a duplicate key, a NaN, a trailing comma or anything after the value is refused. */
    private static final class JsonReader {
        private static final Pattern TOKEN = Pattern.compile("[ \\t\\r\\n]*+([{}\\[\\]:,]|true|false|null"
                + "|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?"
                + "|\"(?:[^\"\\\\\\x00-\\x1f]++|\\\\(?:[\"\\\\/bfnrt]|u[0-9a-fA-F]{4}))*+\"|$)");
        private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u(....)|(.))");
        private final String text;
        private final Matcher tokens;
        private String token; // the one to come, "" at the end

        private JsonReader(String text) {
            this.text = text;
            tokens = TOKEN.matcher(text);
            take();
        }

        static Object read(String text) {
            JsonReader reader = new JsonReader(text);
            Object value = reader.value();
            expectThat(reader.token.isEmpty(), "nothing after the JSON value", text);
            return value;
        }

        private Object value() {
            String first = take();
            switch (first) {
                case "{": return members();
                case "[": return elements();
                case "true", "false": return Boolean.valueOf(first);
                case "null": return null;
                default: return first.startsWith("\"") ? string(first) : number(first);
            }
        }

        private Map<String, Object> members() {
            Map<String, Object> members = new LinkedHashMap<>();
            for (boolean more = !ended("}"); more; more = !closed("}")) {
                String key = string(take());
                expectThat(take().equals(":") && !members.containsKey(key), "each key once, then a colon", text);
                members.put(key, value());
            }
            return members;
        }

        private List<Object> elements() {
            List<Object> elements = new ArrayList<>();
            for (boolean more = !ended("]"); more; more = !closed("]")) elements.add(value());
            return elements;
        }

        private Double number(String number) {
            expectThat(number.matches("[-0-9].*"), "a JSON value", text);
            return Double.valueOf(number);
        }

        private String string(String quoted) {
            expectThat(quoted.startsWith("\""), "a JSON string", text);
            return ESCAPE.matcher(quoted.substring(1, quoted.length() - 1)).replaceAll(escape -> Matcher.quoteReplacement(
                    escape.group(1) != null
                            ? String.valueOf((char) Integer.parseInt(escape.group(1), 16))
                            : "\"\\/\b\f\n\r\t".substring("\"\\/bfnrt".indexOf(escape.group(2))).substring(0, 1)));
        }

        private boolean ended(String end) {
            return token.equals(end) && take().equals(end);
        }

        private boolean closed(String end) {
            String next = take();
            expectThat(next.equals(end) || next.equals(","), "a comma or " + end, text);
            return next.equals(end);
        }

        private String take() {
            String taken = token;
            expectThat(tokens.lookingAt(), "JSON", text);
            token = tokens.group(1);
            tokens.region(tokens.end(), text.length());
            return taken;
        }
    }
}
