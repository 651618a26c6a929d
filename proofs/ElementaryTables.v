(** * ElementaryTables: the constants of logarithms and arctangents stand for their numbers

    lib/kernels/elementary_tables.hpp holds ln 2, pi/2, pi, 1/3, 1/5, ln(1 + (2i + 1)/256) for i from 0 to
    127, and atan(i/256) for i from 0 to 256, each as two doubles hi + lo.

    Proved, of every entry but the 0 that is atan(0) and that the code does not read: hi and lo are doubles,
    hi is hi + lo rounded, and hi + lo is off its real number (Coq's ln, atan and PI) by at most u^2 |hi|; so
    that what the code makes of the entry, [constant], stands for its number: ln_2_correct, half_pi_correct,
    pi_correct, third_correct, fifth_correct, log_entry_correct, atan_entry_correct. Each says also that
    hi > 0, and in what band (file Scalars) hi and the error are.

    How: each number, times 2^128, is computed in integers, with a proved bound on the error, and compared
    with its entry. A logarithm, or an arctangent, comes from the one before by adding a 2 atanh(a/b), or an
    atan(a/b), with a/b <= 1/256, whose series needs 8 terms (scaled_odd_near). pi/2 and pi have the
    mantissas of pi/4 = atan(256/256). The comparison is a computation that Coq's kernel does, by its virtual
    machine here and by plain reduction in its separate checker; there are no real numbers in it, nor machine
    integers.

    Model and code. The entries are those of the header, written by the same script, tests/reference/
    make_tables.py, as integers: (mh, eh, ml, el) is hi = mh 2^eh, lo = ml 2^el, and mh has the digits of the
    header's hexadecimal number. tables_test compares both files with what the script writes, byte for byte.
      constants, log_table, atan_table   the arrays of these names
      constant                           constant (lib/kernels/elementary.hpp)
    NOT proved: that a compiler reads the header's hexadecimal numbers as they are meant.

    Axioms: those of Coq's real numbers with classical logic, as Flocq uses them (sig_forall_dec, sig_not_dec,
    functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia Bool List.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars Series.
Open Scope R_scope.

(* The two doubles of an entry *)
Definition entry (mh eh ml el : Z) : unevaluated :=
  Unevaluated (IZR mh * bpow radix2 eh) (IZR ml * bpow radix2 el).

(* mh, eh, ml, el *)
Definition quadruple : Type := Z * Z * Z * Z.

(* Written by tests/reference/make_tables.py --coq *)
(* ln 2, pi/2, pi, 1/3, 1/5. *)
Definition constants : list quadruple := (
    (0x162e42fefa39ef, -53, 0x1abc9e3b39803f, -108) :: (0x1921fb54442d18, -52, 0x11a62633145c07, -106) ::
    (0x1921fb54442d18, -51, 0x11a62633145c07, -105) :: (0x15555555555555, -54, 0x15555555555555, -108) ::
    (0x1999999999999a, -55, -0x1999999999999a, -109) ::
    nil)%Z.
(* ln(1 + (2i + 1)/256). *)
Definition log_table : list quadruple := (
    (0x1ff00aa2b10bc0, -61, 0x12821ad5a6d353, -115) :: (0x17dc475f810a77, -59, -0x116d7687d3df21, -114) ::
    (0x13cea44346a575, -58, -0x10cb5a902b3a1c, -114) :: (0x1b9fc027af9198, -58, -0x10ae69229dc868, -116) ::
    (0x11b0d98923d980, -57, -0x1e9ae889bac481, -112) :: (0x158a5bafc8e4d5, -57, -0x1ce55c2b4e2b72, -111) ::
    (0x195c830ec8e3eb, -57, 0x1f5a0e80520bf2, -111) :: (0x1d276b8adb0b52, -57, 0x11e3c53257fd47, -113) ::
    (0x1075983598e471, -56, 0x180da5333c45b8, -111) :: (0x1253f62f0a1417, -56, -0x1c125963fc4cfd, -114) ::
    (0x142edcbea646f0, -56, 0x1ddd4f935996c9, -111) :: (0x160658a93750c4, -56, -0x1388458ec21b6a, -110) ::
    (0x17da766d7b12cd, -56, -0x1eeedfcdd94131, -110) :: (0x19ab42462033ad, -56, -0x12099e1c184e8e, -111) ::
    (0x1b78c82bb0eda1, -56, 0x10878cf0327e21, -113) :: (0x1d4313d66cb35d, -56, 0x1790dd951d90fa, -110) ::
    (0x1f0a30c01162a6, -56, 0x185f325c5bbacd, -110) :: (0x10671512ca596e, -55, 0x150c647eb86499, -110) ::
    (0x114785846742ac, -55, 0x1a28813e3a7f07, -109) :: (0x12266f190a5acb, -55, 0x1f547bf1809e88, -109) ::
    (0x1303d718e47fd3, -55, -0x16b9c7d96091fa, -115) :: (0x13dfc2b0ecc62a, -55, -0x1ab3a8e7d81017, -110) ::
    (0x14ba36f39a55e5, -55, 0x168981bcc36756, -109) :: (0x159338d9982086, -55, -0x165d22aa8ad7cf, -110) ::
    (0x166acd4272ad51, -55, -0x10900e4e1ea8b2, -110) :: (0x1740f8f54037a5, -55, -0x1b264062a84cdb, -110) ::
    (0x1815c0a14357eb, -55, -0x14be48073a0564, -110) :: (0x18e928de886d41, -55, -0x1569d851a56770, -109) ::
    (0x19bb362e7dfb83, -55, 0x1575e31f003e0c, -109) :: (0x1a8becfc882f19, -55, -0x1e8c37918c39eb, -110) ::
    (0x1b5b519e8fb5a4, -55, 0x1ba27fdc19e1a0, -109) :: (0x1c2968558c18c1, -55, -0x173dee38a3fb6b, -109) ::
    (0x1cf6354e09c5dc, -55, 0x1239a07d55b695, -109) :: (0x1dc1bca0abec7d, -55, 0x1834c51998b6fc, -109) ::
    (0x1e8c0252aa5a60, -55, -0x16e03a39bfc89b, -111) :: (0x1f550a564b7b37, -55, 0x1c5f6dfd018c37, -113) ::
    (0x100e6c45ad501d, -54, -0x1cb9568ff6fead, -109) :: (0x1071b85fcd590d, -54, 0x1d1707f97bde80, -110) ::
    (0x10d46b579ab74b, -54, 0x103ec81c3cbd92, -109) :: (0x1136870293a8b0, -54, 0x17b66298edd24a, -108) ::
    (0x11980d2dd4236f, -54, 0x19d3d1b0e4d147, -108) :: (0x11f8ff9e48a2f3, -54, -0x1c9fdf9a0c4b07, -108) ::
    (0x12596010df763a, -54, -0x10f76c57075e9e, -110) :: (0x12b9303ab89d25, -54, -0x1896b5fd852ad4, -108) ::
    (0x131871c9544185, -54, -0x151acc4c09b379, -112) :: (0x13772662bfd85b, -54, -0x1b5629d8117de7, -111) ::
    (0x13d54fa5c1f710, -54, -0x1e3265c6a1c98d, -108) :: (0x1432ef2a04e814, -54, -0x129931715ac903, -108) ::
    (0x149006804009d1, -54, -0x19ffc341f177dc, -109) :: (0x14ec973260026a, -54, -0x142a87d977dc5e, -108) ::
    (0x1548a2c3add263, -54, -0x1819cf7e308ddb, -109) :: (0x15a42ab0f4cfe2, -54, -0x18ebcb7dee9a3d, -108) ::
    (0x15ff3070a793d4, -54, -0x1bc60efafc6f6e, -109) :: (0x1659b57303e1f3, -54, -0x1f893d41c411f1, -108) ::
    (0x16b3bb2235943e, -54, -0x1da856ccd987b3, -108) :: (0x170d42e2789236, -54, -0x152cc811d78d59, -109) ::
    (0x17664e1239dbcf, -54, -0x1f6d5d64f5daf8, -109) :: (0x17bede0a37afc0, -54, -0x18783cb9801a5c, -108) ::
    (0x1816f41da0d496, -54, -0x12923ca04b701c, -108) :: (0x186e919a330ba0, -54, 0x13f9b16feb7dd8, -111) ::
    (0x18c5b7c858b48b, -54, -0x1e0ab4fdfa0595, -108) :: (0x191c67eb45a83e, -54, -0x1e0e0ae234ae11, -108) ::
    (0x1972a341135158, -54, 0x1a5c09d24b70d9, -108) :: (0x19c86b02dc0863, -54, -0x1917eeb69dd421, -108) ::
    (0x1a1dc064d5b995, -54, 0x190128698ba0b8, -108) :: (0x1a72a4966bd9ea, -54, 0x16a76b1a7d87c3, -110) ::
    (0x1ac718c258b0e4, -54, 0x18163d6f46f714, -111) :: (0x1b1b1e0ebdfc5b, -54, 0x1a4479608a2c55, -108) ::
    (0x1b6eb59d3cf35e, -54, -0x18adbccd326a3c, -108) :: (0x1bc1e08b0dad0a, -54, 0x109e8707055996, -108) ::
    (0x1c149ff115f027, -54, -0x14cbcb90c06305, -108) :: (0x1c66f4e3ff6ff8, -54, -0x182947258b688b, -110) ::
    (0x1cb8e0744d7aca, -54, -0x148879a214a2af, -113) :: (0x1d0a63ae721e64, -54, 0x12acce112c40f2, -109) ::
    (0x1d5b7f9ae2c684, -54, -0x1a7be7f84ac06a, -109) :: (0x1dac353e2c5954, -54, 0x118734b81a1bf8, -109) ::
    (0x1dfc859906d5b5, -54, 0x101e1399f96398, -108) :: (0x1e4c71a8687704, -54, 0x1667923e1f5a8e, -109) ::
    (0x1e9bfa659861f5, -54, 0x191bafc7dbe130, -108) :: (0x1eeb20c640ddf4, -54, 0x1ac371d7c8f7f5, -109) ::
    (0x1f39e5bc811e5c, -54, -0x197fc777bb19e5, -109) :: (0x1f884a36fe9ec2, -54, 0x16315c9e010800, -109) ::
    (0x1fd64f20f61572, -54, -0x1adb0ac2cead1b, -109) :: (0x1011fab125ff8a, -53, 0x1810dd40845dde, -109) ::
    (0x10389eefce633b, -53, 0x1e155c53483748, -108) :: (0x105f14bd26459c, -53, 0x1535b8ee4f9efe, -110) ::
    (0x10855c884b450e, -53, 0x1705826e49f318, -107) :: (0x10ab76bece14d2, -53, -0x1fd6c935453f66, -108) ::
    (0x10d163ccb9d6b8, -53, -0x1f7b9a9a8bc30f, -109) :: (0x10f7241c9b497d, -53, 0x13a8443b9db19d, -107) ::
    (0x111cb81787ccf8, -53, 0x102387ab1fcc90, -107) :: (0x11422025243d45, -53, -0x1ad0e24adb489e, -110) ::
    (0x11675cababa60e, -53, 0x1ce63eab883717, -112) :: (0x118c6e0ff5cf06, -53, 0x1765142c2c671f, -110) ::
    (0x11b154b57da29f, -53, -0x1011eb47db6a99, -109) :: (0x11d610fe677003, -53, 0x109d58d91e58f2, -110) ::
    (0x11faa34b87094c, -53, 0x1817b8f7a193b0, -110) :: (0x121f0bfc65beec, -53, -0x1e24f0c9187c92, -109) ::
    (0x12434b6f483934, -53, -0x1debb8cf0f6d11, -109) :: (0x126762013430e0, -53, -0x196a95781c6727, -108) ::
    (0x128b500df60783, -53, -0x143f60605aaab3, -107) :: (0x12af15f02640ad, -53, 0x1cb064524aceb0, -109) ::
    (0x12d2b4012edc9e, -53, -0x151162c99b1cab, -107) :: (0x12f62a99509546, -53, 0x16c686739ffd99, -108) ::
    (0x13197a0fa7fe6a, -53, 0x1d6348fb97128f, -109) :: (0x133ca2ba328995, -53, -0x1bf28b3205ede1, -108) ::
    (0x135fa4edd36ea0, -53, 0x127d4680964362, -112) :: (0x138280fe58797f, -53, -0x1015bd362a6e5d, -107) ::
    (0x13a5373e7ebdfa, -53, -0x1cd8f775b8f76e, -107) :: (0x13c7c7fff73206, -53, -0x1be80db7025bed, -108) ::
    (0x13ea33936b2f5c, -53, -0x1f099168a1360b, -107) :: (0x140c7a4880dce9, -53, 0x114f22de7fc9e1, -108) ::
    (0x142e9c6ddf80bf, -53, 0x1657dc7a65061d, -108) :: (0x14509a5133bb0a, -53, 0x140fe2852d7b5a, -107) ::
    (0x1472743f33aaad, -53, 0x18d6cf012a2948, -108) :: (0x14942a83a2fc07, -53, 0x1ed0c544652b5a, -107) ::
    (0x14b5bd6956e274, -53, -0x1c87a06beea773, -107) :: (0x14d72d3a39fd00, -53, 0x11cd4d414e008d, -107) ::
    (0x14f87a3f5026e9, -53, -0x1e8ca8b1bcea9d, -107) :: (0x1519a4c0ba3446, -53, 0x19b32128e4a77f, -107) ::
    (0x153aad05b99b7d, -53, -0x155c8b052e2539, -107) :: (0x155b9354b40bcd, -53, 0x1e4197a357cb37, -108) ::
    (0x157c57f336f191, -53, -0x1e953a3bc88192, -107) :: (0x159cfb25fae87e, -53, -0x1172904559c6b6, -110) ::
    (0x15bd7d30e71c73, -53, 0x1bf8da6db2b45c, -109) :: (0x15ddde57149923, -53, 0x1dcfa37d75ef28, -107) ::
    (0x15fe1edad18919, -53, -0x1ca8b610e18dbf, -107) :: (0x161e3efda46467, -53, -0x1a1b727edefae3, -107) ::
    nil)%Z.
(* atan(i/256). *)
Definition atan_table : list quadruple := (
    (0x0, -53, 0x0, -53) :: (0x1ffff5555bbbb7, -61, 0x14bb12afb6b6d5, -116) ::
    (0x1fffd555bbba97, -60, 0x168062351fbbe6, -115) :: (0x17ffb80184c30a, -59, -0x1725017508234b, -113) ::
    (0x1fff555bbb729b, -59, -0x1220c39d4dff50, -113) :: (0x13ff595f18a700, -58, -0x1213eac36cfb2c, -112) ::
    (0x17fee0184a5c36, -58, -0x143189fc0a354b, -112) :: (0x1bfe36df291712, -58, -0x1e1bec7756100e, -113) ::
    (0x1ffd55bba97625, -58, -0x15ec431444912c, -112) :: (0x11fe1a5c2ec497, -57, 0x1886091e8fc4cb, -111) ::
    (0x13fd65f169c9d9, -57, 0x17230a716461b5, -113) :: (0x15fc89a5fa3b2d, -57, 0x12bb73bf4e7f99, -111) ::
    (0x17fb818430da2a, -57, -0x186ef8f794f105, -115) :: (0x19fa49986984df, -57, 0x1322907af0abc2, -111) ::
    (0x1bf8ddf139c444, -57, -0x189fe34b2a7fa8, -111) :: (0x1df73a9f9f1882, -57, -0x1251b5c410bcb4, -114) ::
    (0x1ff55bb72cfdea, -57, -0x1c934d86d23f1d, -112) :: (0x10f99ea71d52a7, -56, -0x12069feec3624f, -113) ::
    (0x11f86dbf082d59, -56, -0x1095dc7732ef81, -111) :: (0x12f719318a4a9a, -56, 0x13fd1779b9801f, -115) ::
    (0x13f59f0e7c559d, -56, 0x1ac4ce285df847, -110) :: (0x14f3fd677292fb, -56, 0x1008d36264979e, -111) ::
    (0x15f2324fd2d7b2, -56, 0x18a8da4401318e, -110) :: (0x16f03bdcea4b0d, -56, -0x13f00e512fa17d, -112) ::
    (0x17ee182602f10f, -56, -0x1cfb654c0c3d98, -110) :: (0x18ebc54478fb28, -56, 0x1732880cad24cc, -111) ::
    (0x19e94153cfdcf1, -56, 0x1a332e1d69c47e, -110) :: (0x1ae68a71c722b8, -56, 0x1c014e6910b9db, -111) ::
    (0x1be39ebe6f07c3, -56, 0x1f7b8f29a05987, -110) :: (0x1ce07c5c3cca32, -56, 0x1138e6425918a7, -111) ::
    (0x1ddd21701eba6e, -56, 0x194effcd76fe58, -110) :: (0x1ed98c2190043b, -56, -0x13a598592c7b13, -113) ::
    (0x1fd5ba9aac2f6e, -56, -0x1cd37686760c17, -111) :: (0x1068d584212b3e, -55, -0x19e2d283019bfd, -109) ::
    (0x10e6adccf40882, -55, -0x1d71a31bb98d0d, -109) :: (0x11646541060850, -55, 0x16bcee8ae7ea92, -109) ::
    (0x11e1fafb043727, -55, -0x1b485914dacf8c, -111) :: (0x125f6e171a535c, -55, 0x17c6d7bde1a310, -109) ::
    (0x12dcbdb2fba1ff, -55, 0x18f28705561534, -110) :: (0x1359e8edeb99a4, -55, -0x1a5fd74e4604c6, -109) ::
    (0x13d6eee8c6626c, -55, 0x161a3b0ce9281b, -109) :: (0x1453cec6092a9e, -55, 0x11f653b3a5a78b, -109) ::
    (0x14d087a9da4f17, -55, 0x11f323f1adf158, -109) :: (0x154d18ba11570a, -55, 0x118282f2884073, -109) ::
    (0x15c9811e3ec26a, -55, -0x1054ab2c010f3d, -110) :: (0x1645bfffb3aa74, -55, -0x1f536b677c2cb4, -112) ::
    (0x16c1d4898933d9, -55, -0x12954a7603c427, -110) :: (0x173dbde8a7d202, -55, -0x15ad0f6d4a665d, -110) ::
    (0x17b97b4bce5b02, -55, 0x1347b0b4f881ca, -110) :: (0x18350be398ebc8, -55, -0x15a91332b9c90d, -110) ::
    (0x18b06ee2879c29, -55, -0x1118cd30308c4f, -109) :: (0x192ba37d050272, -55, -0x10d3ded0ff4764, -109) ::
    (0x19a6a8e96c8626, -55, 0x1cf601e7b4348e, -111) :: (0x1a217e601081a6, -55, -0x10def8a60af374, -109) ::
    (0x1a9c231b403279, -55, 0x10e8bbe89cca85, -109) :: (0x1b1696574d780c, -55, -0x185ab8fc15a673, -110) ::
    (0x1b90d7529260a2, -55, 0x117b10d2e0e5ab, -113) :: (0x1c0ae54d768467, -55, -0x104cdbf55f26dc, -109) ::
    (0x1c84bf8a742e6e, -55, -0x195bdd0682ea26, -110) :: (0x1cfe654e1d5395, -55, 0x147b9a3f71eafb, -109) ::
    (0x1d77d5df205736, -55, 0x1c648d1534597e, -109) :: (0x1df110864c9d9e, -55, -0x15818b53bf4781, -112) ::
    (0x1e6a148e96ec4d, -55, 0x1866b22029f765, -109) :: (0x1ee2e1451d980d, -55, -0x19a7708c46ba91, -110) ::
    (0x1f5b75f92c80dd, -55, 0x18ab6e3cf7afbd, -109) :: (0x1fd3d1fc40dbe4, -55, 0x137146f3a1c5ea, -111) ::
    (0x1025fa510665b6, -54, -0x1672df6832fa48, -108) :: (0x1061eea03d6291, -54, -0x15f760db154301, -111) ::
    (0x109dc597d86362, -54, 0x162e47390cb865, -108) :: (0x10d97ee509acb3, -54, 0x147c317bd5a3eb, -108) ::
    (0x11151a362431ca, -54, -0x14dc8dc9077b9f, -108) :: (0x1150973a9ce547, -54, -0x1796ba7f9ca328, -108) ::
    (0x118bf5a30bf178, -54, 0x130ca4748b1bf9, -109) :: (0x11c735212dd884, -54, -0x17d9ac78cb2f2e, -109) ::
    (0x12025567e47c96, -54, -0x11832328f4290e, -109) :: (0x123d562b381042, -54, -0x1c531716200088, -110) ::
    (0x1278372057ef46, -54, -0x1077cdd36dfc81, -108) :: (0x12b2f7fd9b5fe2, -54, 0x1423cfc1c2d443, -113) ::
    (0x12ed987a823cfe, -54, 0x1b91258ea012ca, -109) :: (0x1328184fb58952, -54, -0x1a95f0a9939f2f, -108) ::
    (0x1362773707ebcc, -54, -0x1963a544b672d8, -109) :: (0x139cb4eb76157c, -54, -0x12f4da5a214713, -108) ::
    (0x13d6d129271134, -54, 0x1137ca41cc958a, -108) :: (0x1410cbad6c7d33, -54, -0x1b0c8bae13b512, -108) ::
    (0x144aa436c2af0a, -54, -0x15d5e43c55b3ba, -108) :: (0x14845a84d0c21b, -54, 0x11e28a7563c6a6, -108) ::
    (0x14bdee586890e7, -54, -0x1e4dc77c22a757, -109) :: (0x14f75f73869979, -54, -0x195a1cf7ff1108, -110) ::
    (0x1530ad9951cd4a, -54, -0x12566480884082, -109) :: (0x1569d88e1b4cd8, -54, -0x1fec61e713cfe2, -109) ::
    (0x15a2e0175e0f4e, -54, 0x113b7a8f82e457, -108) :: (0x15dbc3fbbe768d, -54, 0x1ea0ec1b76f7da, -109) ::
    (0x1614840309cfe2, -54, -0x1a725715711f00, -108) :: (0x164d1ff635c1c6, -54, -0x1fa403e7c0fdbe, -108) ::
    (0x1685979f5fa6fe, -54, -0x1257814d1ada9c, -111) :: (0x16bdeac9cbd76d, -54, -0x1a5c563e6de828, -110) ::
    (0x16f61941e4def1, -54, -0x1c63aae6f6e918, -108) :: (0x172e22d53aa2aa, -54, -0x1d9c934e79f27c, -108) ::
    (0x17660752817502, -54, -0x1dd11791cc7600, -111) :: (0x179dc6899118d1, -54, 0x1b7413a0ef606d, -113) ::
    (0x17d5604b63b3f7, -54, 0x169c885c2b249a, -108) :: (0x180cd46a14b1d1, -54, -0x1e79f99684fa19, -108) ::
    (0x184422b8df95d7, -54, 0x1d76a0299b41b6, -108) :: (0x187b4b0c1ebedc, -54, -0x16dcfaa2fa470f, -108) ::
    (0x18b24d394a1b25, -54, 0x1b6d0ba3748fa8, -108) :: (0x18e92916f5cde8, -54, 0x14c0a7e12bfafb, -108) ::
    (0x191fde7cd0c662, -54, 0x11074188054b53, -108) :: (0x19566d43a34907, -54, 0x19b01537e0af2b, -109) ::
    (0x198cd5454d6b18, -54, 0x19e6c988fd0a77, -108) :: (0x19c3165cc58107, -54, 0x1b669602250cfb, -111) ::
    (0x19f93066168002, -54, -0x1c827047c9439a, -108) :: (0x1a2f233e5e530b, -54, 0x1814d5f797086b, -110) ::
    (0x1a64eec3cc23fd, -54, -0x124dec1b50b7ff, -108) :: (0x1a9a92d59e98cf, -54, 0x12e42dff75d817, -111) ::
    (0x1ad00f5422058b, -54, 0x1fc4c33891d2e8, -108) :: (0x1b056420ae9344, -54, -0x19313946363455, -108) ::
    (0x1b3a911da65c6c, -54, 0x1ae187b1ca5040, -108) :: (0x1b6f962e737efc, -54, -0x1ca53464981e71, -110) ::
    (0x1ba473378624a5, -54, 0x1519a1b46e4aff, -108) :: (0x1bd9281e528192, -54, -0x14b15439af6b66, -108) ::
    (0x1c0db4c94ec9f0, -54, -0x1cc1ce70934c34, -108) :: (0x1c42191ff11eb7, -54, -0x1b17df434b3eee, -108) ::
    (0x1c76550aad71f9, -54, -0x174b8bff7043e4, -108) :: (0x1caa6872f3631b, -54, 0x19506781636f48, -113) ::
    (0x1cde53432c1351, -54, -0x1a2cfa4418f1ad, -108) :: (0x1d121566b7f2ad, -54, 0x1be67835886c30, -108) ::
    (0x1d45aec9ec862b, -54, 0x189421163ef92d, -109) :: (0x1d791f5a1226f5, -54, -0x14017ea5b64a76, -109) ::
    (0x1dac670561bb4f, -54, 0x1a2b7f222f65e2, -108) :: (0x1ddf85bb026974, -54, 0x143bbb0c0a1226, -109) ::
    (0x1e127b6b0744b0, -54, -0x12b0986398d4ab, -110) :: (0x1e4548066cf51a, -54, 0x13a3aa12ce98f2, -111) ::
    (0x1e77eb7f175a34, -54, 0x10e53dc1bf3435, -108) :: (0x1eaa65c7cf28c4, -54, 0x12fb2ceca3bf05, -109) ::
    (0x1edcb6d43f8435, -54, -0x1fc976330884e4, -110) :: (0x1f0ede98f393d0, -54, -0x12f40a87cb1894, -108) ::
    (0x1f40dd0b541418, -54, -0x1a3992dc382a23, -109) :: (0x1f72b221a4e495, -54, 0x1489c20f7eb740, -110) ::
    (0x1fa45dd3029259, -54, -0x1ca563dc28d8b5, -108) :: (0x1fd5e0175fdf83, -54, 0x13a87b1ec49b15, -109) ::
    (0x10039c73c1a40c, -53, -0x1b32c949c9d593, -107) :: (0x101c341e82422d, -53, 0x13db44fcca90ee, -107) ::
    (0x1034b709250488, -53, 0x18f9b38d855410, -108) :: (0x104d25314342e6, -53, -0x11c8636442c767, -107) ::
    (0x10657e94db30d0, -53, -0x1d5b495f6349e6, -108) :: (0x107dc3324e9b38, -53, 0x1b70c9e04450ac, -108) ::
    (0x1095f30861a590, -53, -0x1121b20a15a9f3, -108) :: (0x10ae0e1639866c, -53, 0x1075abf2de445a, -108) ::
    (0x10c6145b5b43da, -53, 0x1974fa13b5404f, -110) :: (0x10de05d7aa6f7d, -53, -0x183684b1c529ab, -108) ::
    (0x10f5e28b67e295, -53, 0x1311b17ec990d0, -117) :: (0x110daa77307a0d, -53, 0x169c33d44c7b05, -107) ::
    (0x11255d9bfbd2a9, -53, -0x12bdaee1c0ee35, -110) :: (0x113cfbfb1b056e, -53, 0x13110e6fc3ed38, -107) ::
    (0x1154859637646a, -53, -0x14ba7c548bf3c3, -107) :: (0x116bfa6f5137e1, -53, 0x19606fe141bd35, -108) ::
    (0x11835a88be7c13, -53, 0x1c621cec00c301, -107) :: (0x119aa5e5299f9a, -53, -0x1a606c2c58f835, -107) ::
    (0x11b1dc87904285, -53, -0x121e8c8aef8f29, -109) :: (0x11c8fe7341f64f, -53, 0x128bbc9d5e792a, -108) ::
    (0x11e00babdefeb4, -53, -0x1928df287a668f, -110) :: (0x11f7043557138a, -53, 0x16c659f6d7dd47, -108) ::
    (0x120de813e823b2, -53, -0x1791d753ebb744, -107) :: (0x1224b74c1d192a, -53, 0x1d6d3df88a60c4, -107) ::
    (0x123b71e2cc9e6a, -53, 0x1c421c9f38224e, -109) :: (0x125217dd17e501, -53, 0x156aa88c1b679c, -107) ::
    (0x1268a940696da6, -53, 0x1d1348a04c73cc, -110) :: (0x127f261273d1b3, -53, 0x143bf36151dd9f, -107) ::
    (0x12958e59308e31, -53, -0x109e73b0c6c087, -108) :: (0x12abe21aded073, -53, 0x1c28c001ad022e, -107) ::
    (0x12c2215e024466, -53, -0x14b810da3a4be1, -111) :: (0x12d84c2961e48c, -53, -0x1f25420a36e506, -108) ::
    (0x12ee628406cbca, -53, 0x1c5d5e9ff0cf8d, -107) :: (0x130464753b090b, -53, -0x13e71261da18f3, -108) ::
    (0x131a52048874be, -53, 0x140cab87a7ac24, -107) :: (0x13302b39b78856, -53, 0x15dd2ed87ba82b, -107) ::
    (0x1345f01cce37bb, -53, 0x11021137c71102, -107) :: (0x135ba0b60eccce, -53, 0x1e3ba19b9368b9, -107) ::
    (0x13713d0df6c504, -53, -0x14f789e031606d, -110) :: (0x1386c52d3db11f, -53, -0x1b78e1cbebe6a0, -107) ::
    (0x139c391cd4171a, -53, -0x12304331d8bf46, -107) :: (0x13b198e5e2564b, -53, -0x12f9221f0752ac, -108) ::
    (0x13c6e491c78dc5, -53, -0x1e145094fd0ba7, -107) :: (0x13dc1c2a188504, -53, 0x12ce6370f4e971, -107) ::
    (0x13f13fb89e96f4, -53, 0x1ecf8b492644f0, -108) :: (0x14064f47569f49, -53, -0x1aad88f91bf2b2, -107) ::
    (0x141b4ae06fea41, -53, 0x13d60a53277652, -109) :: (0x1430328e4b26d6, -53, -0x1131591070b99f, -107) ::
    (0x1445065b795b56, -53, -0x1f76d0163f79c8, -108) :: (0x1459c652badc7f, -53, 0x1199698e8e135c, -107) ::
    (0x146e727efe4716, -53, -0x139b9b1b844cc9, -109) :: (0x14830aeb5f7bfe, -53, -0x1a265666764a73, -110) ::
    (0x14978fa3269ee1, -53, 0x12419a87f2a458, -108) :: (0x14ac00b1c71762, -53, 0x1b20e72382b900, -107) ::
    (0x14c05e22de94e5, -53, -0x1c0ac1f09f2edf, -107) :: (0x14d4a8023414e8, -53, 0x1e3a891daa88b0, -109) ::
    (0x14e8de5bb6ec04, -53, 0x14a33dbeb3796c, -107) :: (0x14fd013b7dd17e, -53, 0x1d513f3e7c24b5, -108) ::
    (0x151110adc5ed81, -53, 0x123dcd6832a63e, -108) :: (0x15250cbef1e9fb, -53, -0x1539b7a3228870, -110) ::
    (0x1538f57b89061f, -53, -0x11bb74abda520c, -107) :: (0x154ccaf0362c8f, -53, 0x18a3247f8f43c1, -107) ::
    (0x15608d29c70c34, -53, 0x19939cf0de8088, -107) :: (0x15743c352b33ba, -53, -0x1ea00d34c87ea6, -107) ::
    (0x1587d81f732fbb, -53, -0x15e5c9d8c5a950, -108) :: (0x159b60f5cfab9e, -53, -0x11b04c41026bc5, -107) ::
    (0x15aed6c5909517, -53, 0x17312f714a9436, -107) :: (0x15c2399c244261, -53, -0x131bd4e9e56b35, -107) ::
    (0x15d58987169b18, -53, 0x10028e4bc5e7ca, -109) :: (0x15e8c6941043d0, -53, -0x10bf75be451e70, -108) ::
    (0x15fbf0d0d5cc4a, -53, -0x1b4cfd000b7158, -110) :: (0x160f084b46e05f, -53, -0x1dbb8699945193, -107) ::
    (0x16220d115d7b8e, -53, -0x12b785350ee8c1, -109) :: (0x1634ff312d1f3b, -53, 0x19d2f315f2b598, -107) ::
    (0x1647deb8e20b90, -53, -0x1eca04023a51cf, -110) :: (0x165aabb6c07b03, -53, -0x17939b3af32729, -109) ::
    (0x166d663923e087, -53, -0x16ea6febe8bbba, -108) :: (0x16800e4e7e2858, -53, -0x18ea6a1b3e90f0, -110) ::
    (0x1692a40556fb6a, -53, 0x1d94b95a8ea2cc, -107) :: (0x16a5276c4b0576, -53, -0x1f6b659c46a69e, -107) ::
    (0x16b798920b3d99, -53, -0x1a80386188c50e, -107) :: (0x16c9f7855c3198, -53, 0x1c09de29bd280d, -108) ::
    (0x16dc44551553af, -53, -0x1bf8863573828e, -110) :: (0x16ee7f10204aef, -53, 0x1692eea3066272, -107) ::
    (0x1700a7c5784634, -53, -0x18c34d25aadef6, -108) :: (0x1712be84295198, -53, 0x15cd90337d8881, -107) ::
    (0x1724c35b4fae7b, -53, 0x1948b32db3499b, -110) :: (0x1736b65a172dff, -53, 0x1775fd06a892d1, -108) ::
    (0x1748978fba8e0f, -53, 0x17b2a6165884a1, -111) :: (0x175a670b82d8d8, -53, 0x1ee4ac4c729087, -107) ::
    (0x176c24dcc6c6c0, -53, 0x11952551adc83d, -107) :: (0x177dd112ea22c7, -53, 0x1732608fc10d3d, -107) ::
    (0x178f6bbd5d315e, -53, 0x1406a089803740, -107) :: (0x17a0f4eb9c19a2, -53, 0x113c67cd815f57, -109) ::
    (0x17b26cad2e50fe, -53, -0x1ce80df30411fb, -107) :: (0x17c3d311a6092b, -53, 0x1bb3cb2d303288, -107) ::
    (0x17d528289fa093, -53, 0x1560821e2f3aa9, -107) :: (0x17e66c01c114fe, -53, -0x1c82b88b760b8d, -107) ::
    (0x17f79eacb97898, -53, 0x1fd5ca80ead221, -107) :: (0x1808c03940694b, -53, -0x100f327715f6a5, -107) ::
    (0x1819d0b7158a4d, -53, -0x1bf76229d3b917, -108) :: (0x182ad036000005, -53, 0x14592fce924d24, -108) ::
    (0x183bbec5cdee22, -53, 0x13107104ffc6c3, -109) :: (0x184c9c7653f7eb, -53, -0x183611fe0a3e8f, -112) ::
    (0x185d69576cc2c5, -53, 0x16b66e7fc8b8c3, -109) :: (0x186e2578f87ae5, -53, 0x1022b1375cfe34, -107) ::
    (0x187ed0eadc5a2a, -53, 0x10af5ad957f4bc, -108) :: (0x188f6bbd023119, -53, -0x132d1d25aba660, -110) ::
    (0x189ff5ff57f1f8, -53, -0x155b9a5e177a1b, -107) :: (0x18b06fc1cf3dff, -53, -0x10fb312656db6d, -107) ::
    (0x18c0d9145cf49d, -53, 0x1bea4076dc4333, -107) :: (0x18d13206f8c4cb, -53, -0x1b018cbaa89a8b, -108) ::
    (0x18e17aa99cc05e, -53, -0x1ec182ab042f61, -108) :: (0x18f1b30c44f167, -53, 0x1dd1cab93933fd, -109) ::
    (0x1901db3eeef187, -53, 0x168665e5603c8f, -107) :: (0x1911f35199833b, -53, 0x13ae8a0edbf522, -109) ::
    (0x1921fb54442d18, -53, 0x11a62633145c07, -107) ::
    nil)%Z.
(* End of the written part *)

Definition entry_of (q : quadruple) : unevaluated := let '(mh, eh, ml, el) := q in entry mh eh ml el.
Definition nth_entry (entries : list quadruple) (i : Z) : quadruple :=
  nth (Z.to_nat i) entries (0, 0, 0, 0)%Z.

(* constants[0..4] *)
Definition ln_2_entry : unevaluated := entry_of (nth_entry constants 0).
Definition half_pi_entry : unevaluated := entry_of (nth_entry constants 1).
Definition pi_entry : unevaluated := entry_of (nth_entry constants 2).
Definition third_entry : unevaluated := entry_of (nth_entry constants 3).
Definition fifth_entry : unevaluated := entry_of (nth_entry constants 4).
(* log_table[i], atan_table[i] *)
Definition log_entry (i : Z) : unevaluated := entry_of (nth_entry log_table i).
Definition atan_entry (i : Z) : unevaluated := entry_of (nth_entry atan_table i).

(* constant of lib/kernels/elementary.hpp *)
Definition constant (e : unevaluated) : carried := Carried e (rnd (u * u * Rabs (hi e))).

(* ------------------------------------------------------------- the numbers, as integers over 2^128 *)

(* p_k/(2k + 1) + ... of n terms, where p_k = 2^128 sign^k (a/b)^(2k+1), a2 = a^2, b2 = b^2. Rounded down *)
Fixpoint terms (sign a2 b2 : Z) (n : nat) (k p : Z) : Z :=
  match n with
  | O => 0
  | S m => p / (2 * k + 1) + terms sign a2 b2 m (k + 1) (sign * (a2 * p) / b2)
  end%Z.

(* 2^128 atanh(a/b), or 2^128 atan(a/b) for sign -1 *)
Definition scaled_odd (sign a b : Z) : Z := terms sign (a * a) (b * b) 8 0 (2 ^ 128 * a / b).

(* hi and lo are doubles, hi > 0 and is hi + lo rounded; exponents from -128 on *)
Definition well_formed (q : quadruple) : bool :=
  let '(mh, eh, ml, el) := q in
  ((2 ^ 52 <? mh) && (mh <? 2 ^ 53) && (Z.abs ml <? 2 ^ 53) && (-128 <=? eh) && (-128 <=? el) &&
   (2 ^ (el + 129) * Z.abs ml <? 2 ^ (eh + 128)))%Z.

(* 2^-low <= hi < 2^top *)
Definition is_between (low top : Z) (q : quadruple) : bool :=
  let '(mh, eh, _, _) := q in
  ((2 ^ 52 <=? mh) && (mh <? 2 ^ 53) && (- low <=? eh + 52) && (eh + 53 <=? top))%Z.

(* hi + lo is off all numbers within (v -+ error)/2^128 by at most 2^-106 hi *)
Definition is_near (q : quadruple) (v error : Z) : bool :=
  let '(mh, eh, ml, el) := q in
  ((-128 <=? eh) && (-128 <=? el) &&
   (2 ^ 106 * (Z.abs (v - (2 ^ (eh + 128) * mh + 2 ^ (el + 128) * ml)) + error) <=? 2 ^ (eh + 128) * mh))%Z.

(* the same of entries i, i + 1, ...; change(i) is, off by at most step, what is added to entry i's number *)
Fixpoint all_near (change : Z -> Z) (step : Z) (entries : list quadruple) (i v error : Z) : bool :=
  match entries with
  | nil => true
  | q :: rest => is_near q v error && all_near change step rest (i + 1) (v + change i) (error + step)
  end%Z.

(* ln((259 + 2i)/(257 + 2i)) = 2 atanh(1/(258 + 2i)); after the last entry, ln(512/511) = 2 atanh(1/1023) *)
Definition log_change (i : Z) : Z := (2 * scaled_odd 1 1 (if i =? 127 then 1023 else 258 + 2 * i))%Z.
(* atan((i + 1)/256) - atan(i/256) *)
Definition atan_change (i : Z) : Z := scaled_odd (-1) 256 (65536 + i * (i + 1)).

Lemma log_checked : all_near log_change 50
  (log_table ++ nth_entry constants 0 :: nil) 0 (2 * scaled_odd 1 1 513) 50 = true.
Proof. vm_compute. reflexivity. Qed.
Lemma log_well_formed : forallb well_formed log_table = true.
Proof. vm_compute. reflexivity. Qed.
Lemma log_between : forallb (is_between 9 0) log_table = true.
Proof. vm_compute. reflexivity. Qed.

Lemma atan_checked : all_near atan_change 25 atan_table 0 0 0 = true.
Proof. vm_compute. reflexivity. Qed.
Lemma atan_well_formed : forallb well_formed (tl atan_table) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma atan_between : forallb (is_between 9 0) (tl atan_table) = true.
Proof. vm_compute. reflexivity. Qed.

(* ------------------------------------------------------------- the series in integers *)

Lemma div_near a b : (0 < b)%Z -> Rabs (IZR (a / b) - IZR a / IZR b) <= 1.
Proof.
intros B. assert (B' := IZR_lt _ _ B). destruct (Z.mod_pos_bound a b B) as [M0 M1].
apply IZR_le in M0. apply IZR_lt in M1.
replace (IZR (a / b) - IZR a / IZR b) with (- (IZR (a mod b) / IZR b)).
2: { assert (E := f_equal IZR (Z.div_mod a b ltac:(lia))). rewrite plus_IZR, mult_IZR in E.
     rewrite E. field. lra. }
rewrite Rabs_Ropp, Rabs_pos_eq by (apply Rmult_le_pos; [lra | now apply Rlt_le, Rinv_0_lt_compat]).
apply Rmult_le_reg_r with (IZR b); [exact B' |]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma Rabs_near x y z d e : Rabs (x - y) <= d -> Rabs (y - z) <= e -> Rabs (x - z) <= d + e.
Proof.
intros D E. replace (x - z) with ((x - y) + (y - z)) by ring.
eapply Rle_trans; [apply Rabs_triang | lra].
Qed.

Lemma terms_near s sign a b : IZR sign = unit_of sign -> (0 < b)%Z -> (0 <= 2 * a <= b)%Z ->
  forall n k p,
  Rabs (IZR p - s * (unit_of sign ^ k * (IZR a / IZR b) ^ (2 * k + 1))) <= 2 ->
  Rabs (IZR (terms sign (a * a) (b * b) n (Z.of_nat k) p) -
        s * (odd_sum sign (k + n) (IZR a / IZR b) - odd_sum sign k (IZR a / IZR b))) <= 3 * INR n.
Proof.
intros U B A. assert (B' := IZR_lt _ _ B).
assert (T : 0 <= IZR a / IZR b <= / 2).
{ destruct A as [A0 A1]. apply IZR_le in A0, A1. rewrite mult_IZR in A0, A1. split.
  - apply Rmult_le_pos; [lra | now apply Rlt_le, Rinv_0_lt_compat].
  - apply Rmult_le_reg_r with (IZR b); [exact B' |]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
set (t := IZR a / IZR b) in *. induction n as [| n IH]; intros k p P.
- cbn [terms]. rewrite Nat.add_0_r. replace (0 - _) with 0 by ring. rewrite Rabs_R0. simpl. lra.
- cbn [terms]. rewrite plus_IZR, S_INR.
  set (p' := (sign * (a * a * p) / (b * b))%Z).
  assert (P' : Rabs (IZR p' - s * (unit_of sign ^ S k * t ^ (2 * S k + 1))) <= 2).
  { assert (D := div_near (sign * (a * a * p)) (b * b) ltac:(nia)). fold p' in D.
    rewrite !mult_IZR, U in D.
    replace (unit_of sign * (IZR a * IZR a * IZR p) / (IZR b * IZR b)) with
      (unit_of sign * (t * t) * IZR p) in D by (unfold t; field; lra).
    replace 2 with (1 + 1) by ring. apply Rabs_near with (1 := D).
    replace (2 * S k + 1)%nat with (2 + (2 * k + 1))%nat by lia. rewrite pow_add. cbn [pow].
    match goal with |- Rabs ?d <= 1 => replace d with
      (unit_of sign * (t * t) * (IZR p - s * (unit_of sign ^ k * t ^ (2 * k + 1)))) by ring end.
    assert (T2 : 0 <= t * t <= / 2) by nra. clear - P T2.
    rewrite Rabs_mult. replace 1 with (/ 2 * 2) by field.
    apply Rmult_le_compat; try apply Rabs_pos; [| exact P].
    rewrite Rabs_mult, (Rabs_pos_eq (t * t)) by apply T2.
    destruct (unit_of_cases sign) as [-> | ->]; [rewrite Rabs_left | rewrite Rabs_right]; lra. }
  assert (E := IH (S k) p' P'). rewrite Nat2Z.inj_succ in E. unfold Z.succ in E.
  assert (D := div_near p (2 * Z.of_nat k + 1) ltac:(lia)).
  rewrite plus_IZR, mult_IZR, <- INR_IZR_INZ in D.
  assert (K : INR (2 * k + 1) = 2 * INR k + 1) by (rewrite plus_INR, mult_INR; reflexivity).
  assert (K1 : 1 <= INR (2 * k + 1)) by (generalize (pos_INR k); lra).
  rewrite <- K in D.
  replace (k + S n)%nat with (S k + n)%nat by lia.
  replace (s * (odd_sum sign (S k + n) t - odd_sum sign k t)) with
    (s * (unit_of sign ^ k * t ^ (2 * k + 1)) / INR (2 * k + 1) +
     s * (odd_sum sign (S k + n) t - odd_sum sign (S k) t)) by (cbn [odd_sum]; field; lra).
  assert (Q : Rabs (IZR p / INR (2 * k + 1) -
                    s * (unit_of sign ^ k * t ^ (2 * k + 1)) / INR (2 * k + 1)) <= 2).
  { unfold Rdiv. rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (/ _)) by
      (apply Rlt_le, Rinv_0_lt_compat; lra).
    replace 2 with (2 * / 1) by field. apply Rmult_le_compat; try apply Rabs_pos; trivial.
    - apply Rlt_le, Rinv_0_lt_compat; lra.
    - apply Rinv_le_contravar; lra. }
  assert (F := Rabs_near _ _ _ _ _ D Q). clear - E F.
  match goal with |- Rabs ((?x + ?y) - (?z + ?w)) <= _ => replace ((x + y) - (z + w)) with
    ((x - z) + (y - w)) by ring end.
  eapply Rle_trans; [apply Rabs_triang | lra].
Qed.

Definition scale : R := IZR (2 ^ 128).

Lemma scale_bpow : scale = bpow radix2 128.
Proof. unfold scale. now rewrite <- (IZR_Zpower radix2 128). Qed.

(* The integers: off by at most 25 *)
Lemma scaled_odd_near sign a b : IZR sign = unit_of sign -> (0 < b)%Z -> (0 <= 256 * a <= b)%Z ->
  Rabs (IZR (scaled_odd sign a b) - scale * odd_function sign (IZR a / IZR b)) <= 25.
Proof.
intros U B A. assert (B' := IZR_lt _ _ B).
assert (T : 0 <= IZR a / IZR b <= / 256).
{ destruct A as [A0 A1]. apply IZR_le in A0, A1. rewrite mult_IZR in A0, A1. split.
  - apply Rmult_le_pos; [lra | now apply Rlt_le, Rinv_0_lt_compat].
  - apply Rmult_le_reg_r with (IZR b); [exact B' |]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
unfold scaled_odd. replace 25 with (3 * INR 8 + 1) by (simpl; ring).
eapply Rabs_near.
- apply (terms_near scale sign a b U B ltac:(lia) 8 0).
  eapply Rle_trans; [| apply Rlt_le, (Rplus_lt_compat_l 1 0 1); lra]. rewrite Rplus_0_r.
  replace (scale * _) with (IZR (2 ^ 128 * a) / IZR b).
  + apply div_near, B.
  + rewrite mult_IZR. fold scale. simpl. field. lra.
- cbn [Nat.add]. change (odd_sum sign 0 _) with 0. set (t := IZR a / IZR b) in *.
  assert (E := odd_rest_bound sign 8 t). rewrite (Rabs_pos_eq t) in E by lra. specialize (E ltac:(lra)).
  rewrite Rminus_0_r, <- Rmult_minus_distr_l, Rabs_mult, Rabs_minus_sym.
  rewrite (Rabs_pos_eq scale) by (rewrite scale_bpow; apply bpow_ge_0).
  replace 1 with (scale * / scale) by (rewrite scale_bpow; field; apply Rgt_not_eq, bpow_gt_0).
  apply Rmult_le_compat_l; [rewrite scale_bpow; apply bpow_ge_0 |].
  apply Rle_trans with (1 := E). unfold Rdiv. rewrite <- (Rmult_1_r (/ scale)).
  apply Rmult_le_compat.
  + apply pow_le; lra.
  + apply Rlt_le, Rinv_0_lt_compat. apply Rmult_lt_0_compat; [apply INR_odd_pos | nra].
  + apply Rle_trans with ((/ 256) ^ (2 * 8 + 1)); [apply pow_incr, T |].
    rewrite pow_inv by lra. apply Rinv_le_contravar; [rewrite scale_bpow; apply bpow_gt_0 |].
    rewrite pow_IZR. unfold scale. apply IZR_le. vm_compute. discriminate.
  + apply Rle_trans with (/ 1); [apply Rinv_le_contravar; [lra |]; simpl; nra | lra].
Qed.

(* ------------------------------------------------------------- what the checks mean *)

Definition near (q : quadruple) (x : R) := Rabs (x - value (entry_of q)) <= u * u * hi (entry_of q).

Lemma bpow_over_scale e : (-128 <= e)%Z -> bpow radix2 e = IZR (2 ^ (e + 128)) / scale.
Proof.
intros E. rewrite (IZR_Zpower radix2) by lia. rewrite bpow_plus, <- scale_bpow. field.
rewrite scale_bpow. apply Rgt_not_eq, bpow_gt_0.
Qed.

Lemma is_near_correct q v error x :
  Rabs (IZR v - scale * x) <= IZR error -> is_near q v error = true -> near q x.
Proof.
destruct q as [[[mh eh] ml] el]. intros V. unfold is_near, near, value, entry_of, entry.
cbn [hi lo]. rewrite !andb_true_iff, !Z.leb_le. intros [[Eh El] N].
rewrite (bpow_over_scale eh Eh), (bpow_over_scale el El).
assert (SP : 0 < scale) by (rewrite scale_bpow; apply bpow_gt_0).
apply IZR_le in N. rewrite mult_IZR, plus_IZR, abs_IZR, minus_IZR, plus_IZR, !mult_IZR in N.
set (h := IZR (2 ^ (eh + 128)) * IZR mh) in *. set (l := IZR (2 ^ (el + 128)) * IZR ml) in *.
replace (IZR mh * _) with (h / scale) by (unfold h; field; lra).
replace (IZR ml * _) with (l / scale) by (unfold l; field; lra).
apply Rmult_le_reg_l with (1 := SP).
replace (scale * (u * u * (h / scale))) with (u * u * h) by (field; lra).
rewrite <- (Rabs_pos_eq scale) at 1 by lra. rewrite <- Rabs_mult.
replace (scale * (x - (h / scale + l / scale))) with (scale * x - (h + l)) by (field; lra).
rewrite Rabs_minus_sym in V. assert (K := Rabs_near _ _ _ _ _ V (Rle_refl (Rabs (IZR v - (h + l))))).
apply Rle_trans with (1 := K). apply Rmult_le_reg_l with (IZR (2 ^ 106)); [apply IZR_lt; reflexivity |].
replace (IZR (2 ^ 106) * (u * u * h)) with h; [lra |].
unfold u. change (2 ^ 106)%Z with (9007199254740992 * 9007199254740992)%Z. rewrite mult_IZR. field.
Qed.

Lemma all_near_correct F change step entries i v error :
  (forall j, (i <= j < i + Z.of_nat (length entries) - 1)%Z ->
    Rabs (IZR (change j) - scale * (F (j + 1)%Z - F j)) <= IZR step) ->
  Rabs (IZR v - scale * F i) <= IZR error -> all_near change step entries i v error = true ->
  forall k, (0 <= k < Z.of_nat (length entries))%Z -> near (nth_entry entries k) (F (i + k)%Z).
Proof.
revert i v error. induction entries as [| q rest IH]; intros i v error C V; cbn [all_near length].
- intros _ k K. lia.
- rewrite andb_true_iff. intros [N R] k K. rewrite Nat2Z.inj_succ in K. cbn [length] in C.
  rewrite Nat2Z.inj_succ in C.
  destruct (Z.eq_dec k 0) as [-> | K0].
  + rewrite Z.add_0_r. apply (is_near_correct q v error _ V N).
  + replace (nth_entry (q :: rest) k) with (nth_entry rest (k - 1)).
    2: { unfold nth_entry. replace (Z.to_nat k) with (S (Z.to_nat (k - 1))) by lia. reflexivity. }
    replace (i + k)%Z with (i + 1 + (k - 1))%Z by ring.
    apply (IH (i + 1)%Z (v + change i)%Z (error + step)%Z); [| | exact R | lia].
    * intros j J. apply C. lia.
    * rewrite !plus_IZR. specialize (C i ltac:(lia)).
      replace (IZR v + IZR (change i) - scale * F (i + 1)%Z) with
        ((IZR v - scale * F i) + (IZR (change i) - scale * (F (i + 1)%Z - F i))) by ring.
      eapply Rle_trans; [apply Rabs_triang | lra].
Qed.

Lemma mantissa_double m e : (Z.abs m < 2 ^ 53)%Z -> (-1074 <= e)%Z -> double (IZR m * bpow radix2 e).
Proof.
intros M E. apply generic_format_FLT. apply (FLT_spec radix2 (-1074) 53 _ (Float radix2 m e)); trivial.
Qed.

(* A well-formed entry is a double-word, and stands for what it is near to *)
Lemma well_formed_correct q x : well_formed q = true -> near q x -> stands_for (constant (entry_of q)) x.
Proof.
destruct q as [[[mh eh] ml] el]. unfold well_formed.
rewrite !andb_true_iff, !Z.ltb_lt, !Z.leb_le. intros [[[[[H0 H1] L1] Eh] El] S].
assert (Dh : double (IZR mh * bpow radix2 eh)) by (apply mantissa_double; lia).
assert (Hp : 0 < IZR mh * bpow radix2 eh) by (apply Rmult_lt_0_compat; [apply IZR_lt; lia | apply bpow_gt_0]).
assert (Er : u * u * (IZR mh * bpow radix2 eh) = IZR mh * bpow radix2 (eh - 106)).
{ rewrite u_bpow, <- bpow_plus. replace (eh - 106)%Z with (-53 + -53 + eh)%Z by ring.
  rewrite (bpow_plus radix2 (-53 + -53)). ring. }
assert (De : double (u * u * (IZR mh * bpow radix2 eh))).
{ rewrite Er. apply mantissa_double; lia. }
unfold near, stands_for, constant, value, entry_of, entry. cbn [number error hi lo].
rewrite (Rabs_pos_eq (IZR mh * _)) by lra. rewrite (rnd_double _ De). intros N.
split; [| split; [exact De | split; [| exact N]]].
2: { apply Rmult_le_pos; [| lra]. unfold u. lra. }
unfold double_word. cbn [hi lo]. split; [exact Dh |]. split; [apply mantissa_double; lia |].
set (r := IZR ml * bpow radix2 (el - eh)).
assert (R : Rabs r < / 2).
{ unfold r. apply IZR_lt in S. rewrite mult_IZR, abs_IZR in S.
  rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by apply bpow_ge_0.
  rewrite !(IZR_Zpower radix2) in S by lia.
  apply Rmult_lt_reg_r with (bpow radix2 (eh + 129)); [apply bpow_gt_0 |].
  rewrite Rmult_assoc, <- bpow_plus. replace (el - eh + (eh + 129))%Z with (el + 129)%Z by ring.
  replace (eh + 129)%Z with (1 + (eh + 128))%Z by ring. rewrite (bpow_plus radix2 1).
  change (bpow radix2 1) with 2. lra. }
assert (V : IZR mh * bpow radix2 eh + IZR ml * bpow radix2 el = (IZR mh + r) * bpow radix2 eh).
{ unfold r. rewrite Rmult_plus_distr_r, Rmult_assoc, <- bpow_plus. do 3 f_equal. ring. }
rewrite V. assert (R' := Rabs_def2 _ _ R).
assert (M : bpow radix2 52 + 1 <= IZR mh <= bpow radix2 53 - 1).
{ rewrite <- (IZR_Zpower radix2 52), <- (IZR_Zpower radix2 53), <- plus_IZR, <- minus_IZR by lia.
  split; apply IZR_le; unfold radix_val, radix2; lia. }
assert (C : cexp radix2 double_exp ((IZR mh + r) * bpow radix2 eh) = eh).
{ unfold cexp. rewrite (mag_unique_pos radix2 _ (eh + 53)).
  - unfold double_exp, FLT_exp. lia.
  - replace (eh + 53 - 1)%Z with (52 + eh)%Z by ring. rewrite (Z.add_comm eh 53), !bpow_plus.
    assert (P := bpow_gt_0 radix2 eh). split; [apply Rmult_le_compat_r; lra | apply Rmult_lt_compat_r; lra]. }
unfold rnd, round, scaled_mantissa. rewrite C. unfold F2R. cbn [Fnum Fexp].
rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r, Rmult_1_r.
rewrite (Znearest_imp _ _ mh); [reflexivity |].
replace (IZR mh + r - IZR mh) with r by ring. exact R.
Qed.

Lemma is_between_correct low top q d k : is_between low top q = true ->
  (low <= d)%Z -> (top <= d)%Z -> (106 + low <= k)%Z -> (k <= 1000)%Z ->
  in_band d k (constant (entry_of q)) /\ 0 < hi (entry_of q).
Proof.
destruct q as [[[mh eh] ml] el]. unfold is_between.
rewrite !andb_true_iff, !Z.ltb_lt, !Z.leb_le. intros [[[M0 M1] L] T] D0 D1 K K'.
unfold constant, entry_of, entry. cbn [hi]. set (h := IZR mh * bpow radix2 eh).
assert (H : bpow radix2 (- low) <= h <= bpow radix2 top).
{ apply IZR_le in M0. apply IZR_lt in M1. rewrite (IZR_Zpower radix2) in M0, M1 by lia.
  assert (P := bpow_gt_0 radix2 eh). split.
  - apply Rle_trans with (bpow radix2 (52 + eh)); [apply bpow_le; lia |].
    rewrite bpow_plus. apply Rmult_le_compat_r; lra.
  - apply Rle_trans with (bpow radix2 (53 + eh)); [| apply bpow_le; lia].
    rewrite bpow_plus. apply Rmult_le_compat_r; lra. }
assert (P : 0 < h) by (generalize (bpow_gt_0 radix2 (- low)); lra).
split; [| exact P].
assert (E : bpow radix2 (- k) <= rnd (u * u * Rabs h)).
{ rewrite Rabs_pos_eq by lra. rewrite <- (rnd_double (bpow radix2 (- k))) by (apply double_bpow; lia).
  apply rnd_le. rewrite u_bpow, <- bpow_plus. apply Rle_trans with (bpow radix2 (-53 + -53 + - low)).
  - apply bpow_le. lia.
  - rewrite bpow_plus. apply Rmult_le_compat_l; [apply bpow_ge_0 | apply H]. }
unfold in_band. cbn [number error hi lo]. fold h. split; [| split].
- right. rewrite Rabs_pos_eq by lra.
  split; [apply Rle_trans with (2 := proj1 H) | apply Rle_trans with (1 := proj2 H)]; apply bpow_le; lia.
- right. exact E.
- intros Z. rewrite Z in E. generalize (bpow_gt_0 radix2 (- k)). lra.
Qed.

Lemma forallb_nth f entries i : forallb f entries = true -> (0 <= i < Z.of_nat (length entries))%Z ->
  f (nth_entry entries i) = true.
Proof.
intros F I. apply (proj1 (forallb_forall f entries) F). apply nth_In. lia.
Qed.

(* ------------------------------------------------------------- logarithms *)

Lemma ln_difference x y t : 0 < x -> 0 < y -> t = (y - x) / (x + y) -> ln y - ln x = 2 * atanh t.
Proof.
intros X Y T. unfold atanh. replace ((1 + t) / (1 - t)) with (y / x) by (rewrite T; field; lra).
replace y with (y / x * x) at 1 by (field; lra).
rewrite ln_mult; [field | | exact X]. now apply Rdiv_lt_0_compat.
Qed.

(* ln(log_argument(i)): of log_table, and of constants[0] at last *)
Definition log_argument (i : Z) : R := if (i =? 128)%Z then 2 else 1 + (2 * IZR i + 1) / 256.

Lemma log_argument_pos i : (0 <= i)%Z -> 0 < log_argument i.
Proof. intros I. apply IZR_le in I. unfold log_argument. destruct (i =? 128)%Z; lra. Qed.

Lemma twice_near v x : Rabs (IZR v - scale * x) <= 25 -> Rabs (IZR (2 * v) - scale * (2 * x)) <= IZR 50.
Proof.
intros V. rewrite mult_IZR. replace (2 * IZR v - _) with (2 * (IZR v - scale * x)) by ring.
rewrite Rabs_mult, (Rabs_pos_eq 2); lra.
Qed.

Lemma log_change_near i : (0 <= i < 128)%Z ->
  Rabs (IZR (log_change i) - scale * (ln (log_argument (i + 1)) - ln (log_argument i))) <= IZR 50.
Proof.
intros I. assert (I0 := IZR_le 0 i ltac:(lia)). unfold log_change.
set (b := if (i =? 127)%Z then 1023%Z else (258 + 2 * i)%Z).
assert (B : (258 <= b)%Z) by (unfold b; destruct (i =? 127)%Z; lia).
assert (T : IZR 1 / IZR b =
  (log_argument (i + 1) - log_argument i) / (log_argument i + log_argument (i + 1))).
{ unfold log_argument, b. destruct (Z.eqb_spec i 128); [lia |].
  destruct (Z.eqb_spec i 127) as [-> | N]; [simpl; field |].
  destruct (Z.eqb_spec (i + 1) 128); [lia |]. rewrite !plus_IZR, mult_IZR. field. lra. }
rewrite (ln_difference _ _ _ (log_argument_pos i ltac:(lia)) (log_argument_pos (i + 1) ltac:(lia)) T).
apply twice_near, (scaled_odd_near 1 1 b); [reflexivity | lia | lia].
Qed.

Lemma log_near i : (0 <= i <= 128)%Z ->
  near (nth_entry (log_table ++ nth_entry constants 0 :: nil) i) (ln (log_argument i)).
Proof.
intros I. assert (L : length (log_table ++ nth_entry constants 0 :: nil) = 129%nat) by reflexivity.
apply (all_near_correct (fun i => ln (log_argument i)) log_change 50
  (log_table ++ nth_entry constants 0 :: nil) 0 (2 * scaled_odd 1 1 513) 50); [| | exact log_checked |].
- rewrite L. intros j J. apply log_change_near. lia.
- replace (ln (log_argument 0)) with (2 * atanh (IZR 1 / IZR 513)).
  + apply twice_near, (scaled_odd_near 1 1 513); [reflexivity | lia | lia].
  + rewrite <- (ln_difference 1 (log_argument 0)) by (unfold log_argument; simpl; lra). rewrite ln_1. ring.
- rewrite L. lia.
Qed.

(** log_table[i] stands for ln(1 + (2i + 1)/256) *)
Theorem log_entry_correct i : (0 <= i < 128)%Z ->
  stands_for (constant (log_entry i)) (ln (1 + (2 * IZR i + 1) / 256)) /\
  in_band 9 115 (constant (log_entry i)) /\ 0 < hi (log_entry i).
Proof.
intros I. assert (N := log_near i ltac:(lia)).
assert (L : length log_table = 128%nat) by reflexivity.
replace (nth_entry (log_table ++ _) i) with (nth_entry log_table i) in N by
  (unfold nth_entry; rewrite app_nth1; [reflexivity | lia]).
unfold log_argument in N. destruct (Z.eqb_spec i 128); [lia |]. split.
- apply well_formed_correct; [| exact N]. apply (forallb_nth _ _ i log_well_formed). lia.
- apply (is_between_correct 9 0); try lia. apply (forallb_nth _ _ i log_between). lia.
Qed.

(* ------------------------------------------------------------- arctangents *)

Lemma atan_difference x y : 0 <= x -> 0 <= y -> atan y - atan x = atan ((y - x) / (1 + y * x)).
Proof.
intros X Y. assert (P : 0 <= y * x) by now apply Rmult_le_pos.
assert (E := atan_sub_correct y x). unfold atan_sub in E. rewrite E; [ring | lra | | apply atan_bound].
assert (N : forall z, 0 <= z -> 0 <= atan z).
{ intros z Z. destruct (Req_dec z 0) as [-> | Z0]; [rewrite atan_0; lra |].
  rewrite <- atan_0. apply Rlt_le, atan_increasing. lra. }
generalize (atan_bound x) (atan_bound y) (N x X) (N y Y). lra.
Qed.

Lemma atan_change_near i : (0 <= i < 256)%Z ->
  Rabs (IZR (atan_change i) - scale * (atan (IZR (i + 1) / 256) - atan (IZR i / 256))) <= IZR 25.
Proof.
intros I. assert (I0 := IZR_le 0 i ltac:(lia)). assert (Q := Rle_0_sqr (IZR i)). unfold Rsqr in Q.
rewrite atan_difference by (rewrite ?plus_IZR; lra). unfold atan_change.
replace ((IZR (i + 1) / 256 - IZR i / 256) / _) with (IZR 256 / IZR (65536 + i * (i + 1))).
- apply (scaled_odd_near (-1) 256); [reflexivity | nia | nia].
- rewrite plus_IZR, mult_IZR, plus_IZR. field. nra.
Qed.

Lemma atan_near i : (0 <= i <= 256)%Z -> near (nth_entry atan_table i) (atan (IZR i / 256)).
Proof.
intros I. assert (L : length atan_table = 257%nat) by reflexivity.
apply (all_near_correct (fun i => atan (IZR i / 256)) atan_change 25 atan_table 0 0 0);
  [| | exact atan_checked |].
- rewrite L. intros j J. apply atan_change_near. lia.
- unfold Rdiv. rewrite Rmult_0_l, atan_0, Rmult_0_r, Rminus_0_r, Rabs_R0. apply Rle_refl.
- rewrite L. lia.
Qed.

(** atan_table[i] stands for atan(i/256); entry 0, which the code does not read, is 0 *)
Theorem atan_entry_correct i : (1 <= i <= 256)%Z ->
  stands_for (constant (atan_entry i)) (atan (IZR i / 256)) /\
  in_band 9 115 (constant (atan_entry i)) /\ 0 < hi (atan_entry i).
Proof.
intros I. assert (N := atan_near i ltac:(lia)).
assert (L : length (tl atan_table) = 256%nat) by reflexivity.
assert (E : nth_entry (tl atan_table) (i - 1) = nth_entry atan_table i).
{ unfold nth_entry. replace (Z.to_nat i) with (S (Z.to_nat (i - 1))) by lia. reflexivity. }
unfold atan_entry. split.
- apply well_formed_correct; [| exact N]. rewrite <- E. apply (forallb_nth _ _ (i - 1) atan_well_formed). lia.
- apply (is_between_correct 9 0); try lia. rewrite <- E. apply (forallb_nth _ _ (i - 1) atan_between). lia.
Qed.

(* ------------------------------------------------------------- constants *)

(** constants[0] stands for ln 2 *)
Theorem ln_2_correct :
  stands_for (constant ln_2_entry) (ln 2) /\ in_band 1 107 (constant ln_2_entry) /\ 0 < hi ln_2_entry.
Proof.
split; [| now apply (is_between_correct 1 0)].
apply well_formed_correct; [reflexivity |]. apply (log_near 128). lia.
Qed.

(* the same mantissas, twice the number *)
Lemma near_doubled mh eh ml el x : near (mh, eh, ml, el) x -> near (mh, eh + 1, ml, el + 1)%Z (2 * x).
Proof.
unfold near, value, entry_of, entry. cbn [hi lo]. rewrite !bpow_plus. change (bpow radix2 1) with 2. intros N.
match goal with |- Rabs ?d <= _ => replace d with
  (2 * (x - (IZR mh * bpow radix2 eh + IZR ml * bpow radix2 el))) by ring end.
rewrite Rabs_mult, (Rabs_pos_eq 2); lra.
Qed.

Lemma atan_1_near : near (nth_entry atan_table 256) (PI / 4).
Proof.
rewrite <- atan_1. replace 1 with (IZR 256 / 256) at 1 by lra. apply atan_near. lia.
Qed.

Lemma half_pi_near : near (nth_entry constants 1) (PI / 2).
Proof. replace (PI / 2) with (2 * (PI / 4)) by field. apply (near_doubled _ _ _ _ _ atan_1_near). Qed.

(** constants[1] stands for pi/2 *)
Theorem half_pi_correct : stands_for (constant half_pi_entry) (PI / 2) /\
  in_band 1 106 (constant half_pi_entry) /\ 0 < hi half_pi_entry.
Proof.
split; [| now apply (is_between_correct 0 1)].
apply well_formed_correct; [reflexivity | exact half_pi_near].
Qed.

(** constants[2] stands for pi *)
Theorem pi_correct :
  stands_for (constant pi_entry) PI /\ in_band 2 106 (constant pi_entry) /\ 0 < hi pi_entry.
Proof.
split; [| now apply (is_between_correct (-1) 2)].
apply well_formed_correct; [reflexivity |].
replace PI with (2 * (PI / 2)) by field. apply (near_doubled _ _ _ _ _ half_pi_near).
Qed.

(* 2^128/b, rounded down *)
Lemma fraction_near q b : (0 < b)%Z -> is_near q (2 ^ 128 / b) 1 = true -> near q (1 / IZR b).
Proof.
intros B. apply is_near_correct.
replace (scale * (1 / IZR b)) with (scale / IZR b) by (field; apply not_0_IZR; lia). apply div_near, B.
Qed.

(** constants[3] stands for 1/3 *)
Theorem third_correct :
  stands_for (constant third_entry) (1 / 3) /\ in_band 2 108 (constant third_entry) /\ 0 < hi third_entry.
Proof.
split; [| now apply (is_between_correct 2 0)].
apply well_formed_correct; [reflexivity | now apply fraction_near].
Qed.

(** constants[4] stands for 1/5 *)
Theorem fifth_correct :
  stands_for (constant fifth_entry) (1 / 5) /\ in_band 3 109 (constant fifth_entry) /\ 0 < hi fifth_entry.
Proof.
split; [| now apply (is_between_correct 3 0)].
apply well_formed_correct; [reflexivity | now apply fraction_near].
Qed.
