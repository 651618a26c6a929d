(* Integers of the checker that are Zarith's. *)
let of_z (n : Z.t) = n
