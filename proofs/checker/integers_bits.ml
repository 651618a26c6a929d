(* Integers of the checker that are Coq's: lists of bits. *)
module C = Natgrad_checker

let rec positive n =
  if Z.equal n Z.one then C.XH
  else if Z.is_even n then C.XO (positive (Z.shift_right n 1))
  else C.XI (positive (Z.shift_right n 1))

let of_z n =
  match Z.sign n with
  | 0 -> C.Z0
  | s when s > 0 -> C.Zpos (positive n)
  | _ -> C.Zneg (positive (Z.neg n))
