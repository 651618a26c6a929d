(* natgrad-check: whether a certificate of natgrad is true of two vectors.

   What decides is Natgrad_checker, extracted from Checker.v, where it is proved right. Here files are read, and
   nothing else: text to doubles (decimal by the C library, hexadecimal exactly), JSON (Yojson), and the results
   printed. No code is shared with the library whose certificates these are. *)

module C = Natgrad_checker

let usage =
  "Usage: natgrad-check [--json] G Y CERTIFICATE\n\n\
   Checks a certificate of 'natgrad metric G Y --certificate CERTIFICATE' against the vectors G and Y: recomputes\n\
   the exact sums gg, gy, yy and decides, in integers, whether each number is the correctly rounded one.\n\n\
   G, Y         vectors: text, one number a line or all in one row (decimal, or hexadecimal such as 0x1.8p-3), or\n\
  \             Armadillo binary\n\
   CERTIFICATE  the file that natgrad wrote\n\
   --json       the results as JSON\n\
   -h, --help   this text\n\n\
   Accepted: the field is exactly right. Rejected: it is not. Not checked: angle, log_condition and log_det, which\n\
   are transcendental; only whether they should be there is checked.\n\n\
   Exit codes: 0 nothing rejected, 5 something rejected, 2 usage, 3 bad input, 70 internal error.\n\n\
   Example:\n\
  \  natgrad metric g.csv y.csv --certificate pair.json && natgrad-check g.csv y.csv pair.json\n"

exception Bad_input of string

let fail format = Printf.ksprintf (fun text -> raise (Bad_input text)) format

(* Of a text that is wrong, at most so much, without control characters. *)
let quoted text = "'" ^ String.escaped (if String.length text <= 40 then text else String.sub text 0 40 ^ "...") ^ "'"

let read_file name ~limit =
  let channel = try open_in_bin name with Sys_error text -> fail "%s" text in
  Fun.protect
    ~finally:(fun () -> close_in_noerr channel)
    (fun () ->
      let text = Buffer.create 65536 and chunk = Bytes.create 65536 in
      let rec go () =
        let n = try input channel chunk 0 65536 with Sys_error text -> fail "%s: %s" name text in
        if n > 0 then (
          if Buffer.length text + n > limit then fail "%s: is larger than %d bytes" name limit;
          Buffer.add_subbytes text chunk 0 n;
          go ())
      in
      go ();
      Buffer.contents text)

(* ------------------------------------------------------------------------------------------ numbers *)

let is_digit c = '0' <= c && c <= '9'
let is_hex_digit c = is_digit c || ('a' <= c && c <= 'f') || ('A' <= c && c <= 'F')

(* [span text from p]: the first place from [from] on where p does not hold. *)
let rec span text from p = if from < String.length text && p text.[from] then span text (from + 1) p else from

let sign_of text =
  if text = "" then (false, 0) else match text.[0] with '-' -> (true, 1) | '+' -> (false, 1) | _ -> (false, 0)

(* digits [. digits] [e exponent] *)
let decimal text =
  let length = String.length text in
  let _, start = sign_of text in
  let whole = span text start is_digit in
  let fraction = if whole < length && text.[whole] = '.' then span text (whole + 1) is_digit else whole in
  let digits = fraction - start - if fraction > whole then 1 else 0 in
  let last =
    if fraction < length && (text.[fraction] = 'e' || text.[fraction] = 'E') then
      let signed = fraction + 1 in
      let from = if signed < length && (text.[signed] = '-' || text.[signed] = '+') then signed + 1 else signed in
      let stop = span text from is_digit in
      if stop > from then stop else fraction
    else fraction
  in
  if digits > 0 && last = length then float_of_string_opt text else None

(* The number +-m 2^e as a double, if it is one; m >= 0. *)
let exactly negative m e =
  if Z.sign m = 0 then Some (if negative then -0.0 else 0.0)
  else
    let zeros = Z.trailing_zeros m in
    let m = Z.shift_right m zeros and e = e + zeros in
    if Z.numbits m > 53 || e < -1074 || Z.numbits m + e > 1024 then None
    else
      let x = ldexp (Z.to_float m) e in
      Some (if negative then -.x else x)

(* 0x digits [. digits] [p exponent], only if it is exactly a double *)
let hexadecimal text =
  let length = String.length text in
  let negative, start = sign_of text in
  if not (start + 2 < length && text.[start] = '0' && (text.[start + 1] = 'x' || text.[start + 1] = 'X')) then None
  else
    let first = start + 2 in
    let whole = span text first is_hex_digit in
    let fraction = if whole < length && text.[whole] = '.' then span text (whole + 1) is_hex_digit else whole in
    let places = if fraction > whole then fraction - whole - 1 else 0 in
    let digits = String.sub text first (whole - first) ^ String.sub text (fraction - places) places in
    let exponent =
      if fraction = length then Some 0
      else if text.[fraction] <> 'p' && text.[fraction] <> 'P' then None
      else
        let signed = String.sub text (fraction + 1) (length - fraction - 1) in
        let _, from = sign_of signed in
        (* Seventeen digits fit into an int; zeros may come before them. *)
        let from' = span signed from (fun c -> c = '0') in
        let count = String.length signed - from' in
        if String.length signed = from || span signed from is_digit < String.length signed || count > 17 then None
        else
          let magnitude = if count = 0 then 0 else int_of_string (String.sub signed from' count) in
          Some (if signed.[0] = '-' then -magnitude else magnitude)
    in
    match exponent with
    | Some e when digits <> "" -> exactly negative (Z.of_string_base 16 digits) (e - (4 * places))
    | _ -> None

let number text = match hexadecimal text with Some x -> Some x | None -> decimal text

(* Without blanks and tabs at its ends. *)
let trimmed text =
  let blank c = c = ' ' || c = '\t' in
  let first = span text 0 blank in
  let rec last i = if i > first && blank text.[i - 1] then last (i - 1) else i in
  String.sub text first (last (String.length text) - first)

(* ------------------------------------------------------------------------------------------ vectors *)

(* So much of a file is read; memory takes several times that. *)
let largest_vector = 1 lsl 29

let bits_of_double x = Z.logand (Z.of_int64 (Int64.bits_of_float x)) (Z.pred (Z.shift_left Z.one 64))
let double x = C.b64_of_bits (Integers.of_z (bits_of_double x))

(* Elements as they come, and as the list that the checker wants. *)
let elements buffer =
  let rec go i list =
    if i < 0 then list
    else go (i - 1) (double (Int64.float_of_bits (String.get_int64_le buffer (8 * i))) :: list)
  in
  go ((String.length buffer / 8) - 1) []

let of_text name text =
  let values = Buffer.create 65536 in
  let length = String.length text in
  let count () = Buffer.length values / 8 in
  let rows = ref 0 and widest = ref 0 in
  (* One line, from [start] up to [stop]. *)
  let line at start stop =
    let stop = if stop > start && text.[stop - 1] = '\r' then stop - 1 else stop in
    let here what = fail "%s: line %d: %s" name at what in
    let fields = String.split_on_char ',' (String.sub text start (stop - start)) in
    let blank = match fields with [ field ] -> trimmed field = "" | _ -> false in
    if not blank then (
      incr rows;
      widest := max !widest (List.length fields);
      if !rows > 1 && !widest > 1 then here "several numbers a line in several lines; a vector is one row or one column";
      List.iter
        (fun field ->
          let field = trimmed field in
          if field = "" then here "a number is missing beside the comma";
          match number field with
          | Some x when Float.is_finite x -> Buffer.add_int64_le values (Int64.bits_of_float x)
          | Some _ -> here (Printf.sprintf "element %d (from zero) is %s, above the largest double" (count ()) (quoted field))
          | None ->
              here
                (Printf.sprintf "%s is not a finite number%s" (quoted field)
                   (if String.contains field 'x' || String.contains field 'X' then " that a double holds exactly" else "")))
        fields)
  in
  let rec go at start =
    if start < length then
      let stop = match String.index_from_opt text start '\n' with Some i -> i | None -> length in
      line at start stop;
      go (at + 1) (stop + 1)
  in
  let bom = "\xef\xbb\xbf" in
  go 1 (if length >= 3 && String.sub text 0 3 = bom then 3 else 0);
  Buffer.contents values

(* "ARMA_MAT_BIN_FN008\n", "rows columns\n", the elements (4 or 8 bytes, little-endian). *)
let of_armadillo name text =
  let line from =
    match String.index_from_opt text from '\n' with
    | Some stop -> (String.sub text from (stop - from), stop + 1)
    | None -> fail "%s: its Armadillo header is truncated" name
  in
  let kind, sizes = line 0 in
  let size =
    match kind with
    | "ARMA_MAT_BIN_FN008" -> 8
    | "ARMA_MAT_BIN_FN004" -> 4
    | _ -> fail "%s: Armadillo kind %s; ARMA_MAT_BIN_FN008 or ARMA_MAT_BIN_FN004 is needed" name (quoted kind)
  in
  let counts, first = line sizes in
  let whole text = if text <> "" && span text 0 is_digit = String.length text then int_of_string_opt text else None in
  match List.map whole (String.split_on_char ' ' counts) with
  | [ Some rows; Some columns ] when rows = 1 || columns = 1 ->
      let count = max rows columns and elements = (String.length text - first) / size in
      if min rows columns = 0 then fail "%s: holds no numbers" name;
      if count <> elements || (String.length text - first) mod size <> 0 then
        fail "%s: its header says %d elements of %d bytes, %d bytes follow" name count size (String.length text - first);
      if size = 8 then String.sub text first (8 * count)
      else
        let values = Buffer.create (8 * count) in
        for i = 0 to count - 1 do
          let x = Int32.float_of_bits (String.get_int32_le text (first + (4 * i))) in
          Buffer.add_int64_le values (Int64.bits_of_float x)
        done;
        Buffer.contents values
  | _ -> fail "%s: Armadillo sizes %s; a vector has one row or one column" name (quoted counts)

let starts_with prefix text =
  String.length text >= String.length prefix && String.sub text 0 (String.length prefix) = prefix

let read_vector name =
  let text = read_file name ~limit:largest_vector in
  let values =
    if starts_with "ARMA_" text then of_armadillo name text
    else if starts_with "\x89HDF" text then fail "%s: is an HDF5 file; write the vector as text or Armadillo binary" name
    else if String.contains text '\000' then fail "%s: is neither text nor Armadillo binary" name
    else of_text name text
  in
  if values = "" then fail "%s: holds no numbers" name;
  for i = 0 to (String.length values / 8) - 1 do
    let x = Int64.float_of_bits (String.get_int64_le values (8 * i)) in
    if not (Float.is_finite x) then fail "%s: element %d (from zero) is %h; every element must be finite" name i x
  done;
  values

(* -------------------------------------------------------------------------------------- certificates *)

(* Larger than any certificate, and than any exact sum of products of doubles. *)
let largest_certificate = 65536
let most_digits = 2048
let most_exponent = 8192

(* Yojson takes more than JSON: comments, keys without quotes, tuples, NaN. Outside strings there is only this. *)
let check_is_json name text =
  let length = String.length text in
  let letter c = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c = '_' in
  let refuse i = fail "%s: is not JSON: byte %d: %s" name (i + 1) (quoted (String.make 1 text.[i])) in
  let rec outside i =
    if i < length then
      match text.[i] with
      | '"' -> inside (i + 1)
      | '{' | '}' | '[' | ']' | ':' | ',' | ' ' | '\t' | '\n' | '\r' | '+' | '-' | '.' -> outside (i + 1)
      | c when is_digit c -> outside (i + 1)
      | ('e' | 'E') when i > 0 && is_digit text.[i - 1] -> outside (i + 1)
      | c when letter c ->
          let stop = span text i letter in
          if List.mem (String.sub text i (stop - i)) [ "null"; "true"; "false" ] then outside stop else refuse i
      | _ -> refuse i
  and inside i =
    if i < length then
      match text.[i] with '"' -> outside (i + 1) | '\\' -> inside (i + 2) | _ -> inside (i + 1)
  in
  outside 0

let read_certificate name =
  let content = read_file name ~limit:largest_certificate in
  check_is_json name content;
  let json =
    match Yojson.Safe.from_string content with
    | json -> json
    | exception Yojson.Json_error text ->
        fail "%s: is not JSON: %s" name (String.escaped text)
  in
  let wrong path what = fail "%s: %s: %s" name path what in
  (* The members of an object, all of these keys, each once and no other: an unknown one would be a claim unchecked. *)
  let members path keys json =
    match json with
    | `Assoc list ->
        List.iter
          (fun (key, _) ->
            if not (List.mem key keys) then wrong path ("unknown key " ^ quoted key);
            if List.length (List.filter (fun (other, _) -> other = key) list) > 1 then
              wrong path ("key " ^ quoted key ^ " twice"))
          list;
        fun key -> ( match List.assoc_opt key list with Some value -> value | None -> wrong path ("no key " ^ quoted key))
    | _ -> wrong path "is not an object"
  in
  let text path = function `String s -> s | _ -> wrong path "is not a string" in
  let integer path limit = function
    | `Int n when -limit <= n && n <= limit -> n
    | `Int _ | `Intlit _ -> wrong path "is out of range"
    | _ -> wrong path "is not an integer"
  in
  let top = members "the certificate" [ "format"; "version"; "dimension"; "verdict"; "gram"; "scalars" ] json in
  (match text "format" (top "format") with
  | "natgrad-certificate" -> ()
  | other -> wrong "format" (quoted other ^ " is not natgrad-certificate"));
  (match integer "version" max_int (top "version") with
  | 1 -> ()
  | n -> wrong "version" (Printf.sprintf "%d is not known; this program knows 1" n));
  let gram = members "gram" [ "gg"; "gy"; "yy" ] (top "gram") in
  let exact key =
    let path = "gram." ^ key in
    let sum = members path [ "mantissa"; "exponent" ] (gram key) in
    let mantissa = text (path ^ ".mantissa") (sum "mantissa") in
    let negative, start = sign_of mantissa in
    let digits = String.length mantissa - start - 2 in
    if
      not
        (digits >= 1 && digits <= most_digits
        && (negative || start = 0)
        && String.sub mantissa start 2 = "0x"
        && span mantissa (start + 2) is_hex_digit = String.length mantissa)
    then wrong (path ^ ".mantissa") (quoted mantissa ^ " is not a hexadecimal integer such as -0x1f");
    let m = Z.of_string_base 16 (String.sub mantissa (start + 2) digits) in
    let exponent = integer (path ^ ".exponent") most_exponent (sum "exponent") in
    { C.fnum = Integers.of_z (if negative then Z.neg m else m); C.fexp = Integers.of_z (Z.of_int exponent) }
  in
  let keys =
    [ "cos"; "sin"; "angle"; "alpha"; "lambda_min"; "lambda_max"; "condition"; "sqrt_condition"; "log_condition";
      "trace"; "log_det" ]
  in
  let scalars = members "scalars" keys (top "scalars") in
  let scalar key =
    let path = "scalars." ^ key in
    match scalars key with
    | `Null -> None
    | `String "inf" -> Some (double infinity)
    | `String "-inf" -> Some (double neg_infinity)
    | `String s -> (
        match hexadecimal s with
        | Some x -> Some (double x)
        | None -> wrong path (quoted s ^ " is not a double in hexadecimal, such as 0x1.8p-3"))
    | _ -> wrong path "is neither null nor a string such as \"0x1.8p-3\""
  in
  let verdict =
    match text "verdict" (top "verdict") with
    | "effective" -> C.Effective
    | "not_effective" -> C.NotEffective
    | "undetermined" -> C.Undetermined
    | other -> wrong "verdict" (quoted other ^ " is none of effective, not_effective, undetermined")
  in
  { C.claimed_dimension = Integers.of_z (Z.of_int (integer "dimension" max_int (top "dimension")));
    claimed_verdict = verdict;
    claimed_gg = exact "gg";
    claimed_gy = exact "gy";
    claimed_yy = exact "yy";
    claimed_alpha = scalar "alpha";
    claimed_cos = scalar "cos";
    claimed_sin = scalar "sin";
    claimed_angle = scalar "angle";
    claimed_lambda_min = scalar "lambda_min";
    claimed_lambda_max = scalar "lambda_max";
    claimed_condition = scalar "condition";
    claimed_sqrt_condition = scalar "sqrt_condition";
    claimed_log_condition = scalar "log_condition";
    claimed_trace = scalar "trace";
    claimed_log_det = scalar "log_det" }

(* ------------------------------------------------------------------------------------------- results *)

let field_name = function
  | C.Dimension -> "dimension"
  | C.Verdict -> "verdict"
  | C.GramGG -> "gram.gg"
  | C.GramGY -> "gram.gy"
  | C.GramYY -> "gram.yy"
  | C.Alpha -> "alpha"
  | C.Cos -> "cos"
  | C.Sin -> "sin"
  | C.Angle -> "angle"
  | C.LambdaMin -> "lambda_min"
  | C.LambdaMax -> "lambda_max"
  | C.Condition -> "condition"
  | C.SqrtCondition -> "sqrt_condition"
  | C.LogCondition -> "log_condition"
  | C.Trace -> "trace"
  | C.LogDet -> "log_det"

let result_name = function C.Accepted -> "accepted" | C.Rejected -> "rejected" | C.NotChecked -> "not checked"

let print_text results passed =
  let named wanted = List.filter_map (fun (f, r) -> if r = wanted then Some (field_name f) else None) results in
  List.iter (fun (f, r) -> Printf.printf "%-15s %s\n" (field_name f) (result_name r)) results;
  (match named C.NotChecked with
  | [] -> ()
  | open_ones -> Printf.printf "\nnot checked (transcendental): %s\n" (String.concat ", " open_ones));
  if passed then print_string "\nACCEPTED: every checked field is exactly right\n"
  else Printf.printf "\nREJECTED: %s\n" (String.concat ", " (named C.Rejected))

let print_json results passed =
  let fields = List.map (fun (f, r) -> (field_name f, `String (result_name r))) results in
  print_endline (Yojson.Safe.pretty_to_string (`Assoc [ ("accepted", `Bool passed); ("fields", `Assoc fields) ]))

let check ~json g_name y_name certificate_name =
  let g = read_vector g_name and y = read_vector y_name in
  let certificate = read_certificate certificate_name in
  if String.length g <> String.length y then
    fail "%s holds %d numbers, %s holds %d" g_name (String.length g / 8) y_name (String.length y / 8);
  match C.check_certificate (elements g) (elements y) certificate with
  | None -> fail "%s, %s: not two vectors of finite numbers and one length" g_name y_name
  | Some results ->
      let passed = C.passes results in
      (if json then print_json else print_text) results passed;
      if passed then 0 else 5

let () =
  let complain code text =
    (try prerr_endline ("natgrad-check: " ^ text) with Sys_error _ -> ());
    code
  in
  let arguments = List.tl (Array.to_list Sys.argv) in
  let json = List.mem "--json" arguments in
  let is_option a = String.length a > 1 && a.[0] = '-' in
  let options = List.filter (fun a -> is_option a && a <> "--json") arguments in
  let files = List.filter (fun a -> not (is_option a)) arguments in
  let code =
    try
      let code =
        if List.mem "--help" options || List.mem "-h" options then (print_string usage; 0)
        else
          match (options, files) with
          | [], [ g; y; certificate ] -> check ~json g y certificate
          | unknown :: _, _ -> complain 2 (Printf.sprintf "unknown option %s; see --help" unknown)
          | [], _ ->
              complain 2
                (Printf.sprintf "needs three files, G Y CERTIFICATE, not %d; see --help" (List.length files))
      in
      flush stdout;
      code
    with
    | Bad_input text -> complain 3 text
    | Out_of_memory | Stack_overflow -> complain 3 "the input does not fit into memory"
    | Sys_error text -> complain 70 ("standard output: " ^ text)
    | other -> complain 70 (Printexc.to_string other)
  in
  (* Not exit, which would try again to write what could not be written. *)
  Unix._exit code
